"""Pictures of 8 and 16 bits with colour profiles, and what Pillow and littlecms make of them, for picture-colours.test.ts.

A 16-bit picture is, as in Pillow, its upper 8 bits; the lower ones are noise, but for grey pictures, which we round. JSON on
stdout, bytes in base64.
"""

import io
import json
import struct
import sys
import zlib
from base64 import b64encode

import numpy as np
from PIL import Image, ImageCms

SIDE = 32
SRGB = ImageCms.createProfile("sRGB")
# Red, green and blue in XYZ, adapted to D50; and the exponent.
COLOURS = {
    "Display P3": ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407), 2.2),
    "Adobe RGB": ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457), 2.2),
    "ProPhoto": ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491), 1.8),
}


def xyz(values):
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))


def profile(space, tags):
    """A version 2 display profile: header, table of tags, tags."""
    words = b"made for a test\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(words)) + words + bytes(78),
        b"cprt": b"text\0\0\0\0" + words,
        b"wtpt": xyz((0.9642, 1.0, 0.8249)),
        **tags,
    }
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">2I", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = at + len(body)
    head = struct.pack(">I4xI4s4s4s12x4s", size, 0x02400000, b"mntr", space, b"XYZ ", b"acsp")
    head += bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def curve(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def colour_profile(red, green, blue, gamma):
    primaries = {b"rXYZ": xyz(red), b"gXYZ": xyz(green), b"bXYZ": xyz(blue)}
    return profile(b"RGB ", primaries | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve(gamma)))


def png(samples, icc):
    """samples: (height, width, channels) of uint8 or big-endian uint16."""
    height, width, channels = samples.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    chunks = [
        (b"IHDR", struct.pack(">2I5B", width, height, 8 * samples.itemsize, kind, 0, 0, 0)),
        *([(b"iCCP", b"p\0\0" + zlib.compress(icc))] if icc else []),
        (b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in samples))),
        (b"IEND", b""),
    ]
    parts = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def judged(eight, icc):
    """What Pillow has of the 8 bits: converted to sRGB, transparency laid on white."""
    channels = eight.shape[2]
    colours = eight[..., 0] if channels < 3 else eight[..., :3]
    image = Image.fromarray(np.ascontiguousarray(colours))
    if icc:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        intent = ImageCms.Intent.PERCEPTUAL
        image = ImageCms.profileToProfile(image, source, SRGB, renderingIntent=intent, outputMode="RGB")
    rgb = np.asarray(image.convert("RGB")).astype(np.float64)
    if channels in (2, 4):
        share = eight[..., -1:] / 255
        rgb = rgb * share + 255 * (1 - share)
    return np.rint(rgb).astype(np.uint8)


draw = np.random.default_rng(0)
ramp = np.linspace(0, 255, SIDE)
plain = np.stack(np.broadcast_arrays(ramp[None, :], ramp[:, None], 255 * (np.arange(SIDE)[None, :] // 4 % 2)), -1)
plain = np.concatenate([plain, np.broadcast_to(ramp[::-1, None, None], (SIDE, SIDE, 1))], -1).round().astype(np.uint8)
profiles = {"no profile": None, "sRGB": ImageCms.ImageCmsProfile(SRGB).tobytes()}
profiles |= {name: colour_profile(*parts) for name, parts in COLOURS.items()}
cases = [(f"{name}, {kind}", icc, cut) for name, icc in profiles.items() for kind, cut in (("RGB", [0, 1, 2]), ("RGBA", [0, 1, 2, 3]))]
grey = profile(b"GRAY", {b"kTRC": curve(1.8)})
for name, icc in (("no profile", None), ("gamma 1.8", grey)):
    cases += [(f"{name}, {kind}", icc, cut) for kind, cut in (("grey", [0]), ("grey with alpha", [0, 3]))]

answers = []
for name, icc, cut in cases:
    eight = np.ascontiguousarray(plain[..., cut])
    lower = eight if len(cut) < 3 else draw.integers(0, 256, eight.shape)
    sixteen = (eight.astype(">u2") * 256 + lower).astype(">u2")
    files = {"eight": png(eight, icc), "sixteen": png(sixteen, icc), "judged": judged(eight, icc).tobytes()}
    answers.append({"name": name, **{key: b64encode(data).decode() for key, data in files.items()}})
json.dump(answers, sys.stdout)
