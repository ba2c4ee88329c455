"""Pictures resized by Pillow, for resize.test.ts. JSON on stdin and stdout, pixels in base64."""

import json
import sys
from base64 import b64decode, b64encode

from PIL import Image

KERNELS = {
    "nearest": Image.Resampling.NEAREST,
    "linear": Image.Resampling.BILINEAR,
    "cubic": Image.Resampling.BICUBIC,
    "lanczos3": Image.Resampling.LANCZOS,
}
asked = json.load(sys.stdin)
answers = []
for case in asked:
    image = Image.frombytes("RGB", case["from"], b64decode(case["pixels"]))
    resized = {name: image.resize(case["to"], kernel).tobytes() for name, kernel in KERNELS.items()}
    answers.append({name: b64encode(data).decode() for name, data in resized.items()})
json.dump(answers, sys.stdout)
