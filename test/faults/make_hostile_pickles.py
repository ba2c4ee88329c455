"""Writes torch checkpoints that attack their reader, one file a trick, and a good one; prints the former's names as JSON.

Families after fickling's and picklescan's lists of tricks. Those that run code in Python prove it here: `pickle.loads` of
each must create the marker file that its command names.
"""

import functools
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import timeit
import warnings
import zipfile

folder = sys.argv[1]
marker = os.path.join(tempfile.mkdtemp(), "executed")
command = f"touch {marker}"
python = f"open({marker!r}, 'w').close()"
STORAGE = b"0123456789abcdef"  # 4 floats
names = {}

warnings.simplefilter("ignore")  # of duplicate names in a zip


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def pickled(body, protocol=2):
    return b"\x80" + bytes([protocol]) + body + b"."


def storage(key="0", kind="torch\nFloatStorage", count=b"K\x04", location="cpu"):
    return b"(" + text("storage") + b"c" + kind.encode() + b"\n" + text(key) + text(location) + count + b"tQ"


def tensor(offset=b"K\x00", size=b"K\x04\x85", stride=b"K\x01\x85", hooks=b"ccollections\nOrderedDict\n)R", store=None, more=b""):
    store = storage() if store is None else store
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + store + offset + size + stride + b"\x89" + hooks + more + b"tR"


def state(*items):
    return b"}" + text("state_dict") + b"}(" + b"".join(items) + b"us"


GOOD = pickled(state(text("w"), tensor()))


def archive(data=GOOD, entries=None, order=b"little", method=zipfile.ZIP_STORED, root="archive"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        def add(name, content, compression=zipfile.ZIP_STORED):
            file.writestr(zipfile.ZipInfo(name), content, compression)

        if data is not None:
            add(f"{root}/data.pkl", data, method)
        if order is not None:
            add(f"{root}/byteorder", order)
        add(f"{root}/data/0", STORAGE)
        add(f"{root}/version", b"3\n")
        for name, content, *compression in entries or []:
            add(name, content, *compression)
    return out.getvalue()


def write(name, content):
    names[name] = len(content)
    with open(os.path.join(folder, name + ".pth"), "wb") as file:
        file.write(content)


def runs(name, data):
    """A pickle that runs code in Python."""
    unpickler = pickle.Unpickler(io.BytesIO(data))
    unpickler.persistent_load = lambda _: None
    try:
        unpickler.load()
    except Exception:
        pass
    assert os.path.exists(marker), f"{name} runs nothing"
    os.remove(marker)
    write("runs: " + name, archive(data))


def odd(name, data):
    """A pickle that this reader must not take."""
    write("odd: " + name, archive(data))


class Reduces:
    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


def dumps(function, *args, protocol=2, wrap=lambda value: {"state_dict": {"w": value}}):
    return pickle.dumps(wrap(Reduces(function, args)), protocol)


# Written by Python's own pickler.

runs("os.system", dumps(os.system, command))
runs("os.system at protocol 4", dumps(os.system, command, protocol=4))
runs("os.system at protocol 0", dumps(os.system, command, protocol=0))
runs("subprocess.call", dumps(subprocess.call, ["touch", marker]))
runs("subprocess.check_output", dumps(subprocess.check_output, ["touch", marker]))
runs("subprocess.run under a list", dumps(subprocess.run, ["touch", marker], wrap=lambda value: [1, [value]]))
runs("builtins.eval", dumps(eval, python))
runs("builtins.exec", dumps(exec, python))
runs("builtins.exec at protocol 5", dumps(exec, python, protocol=5))
runs("builtins.open", dumps(open, marker, "w"))
runs("timeit.timeit", dumps(timeit.timeit, python, "pass", timeit.default_timer, 1))
runs("nested reduce", pickle.dumps({"state_dict": {"w": Reduces(functools.partial(os.system, command), ())}}, 2))
runs("map in a tuple", pickle.dumps((Reduces(list, (Reduces(map, (os.system, [command])),)),), 2))
runs("getattr of a module", pickled(b"c__builtin__\ngetattr\n(c__builtin__\n__import__\n(" + text("os") + b"tR" + text("system") + b"tR(" + text(command) + b"tR"))
runs("importlib.import_module", pickled(b"c__builtin__\ngetattr\n(cimportlib\nimport_module\n(" + text("os") + b"tR" + text("system") + b"tR(" + text(command) + b"tR"))
runs("operator.methodcaller", pickled(b"coperator\nmethodcaller\n(" + text("system") + text(command) + b"tR(c__builtin__\n__import__\n(" + text("os") + b"tRtR"))
runs("runpy._run_code", pickled(b"crunpy\n_run_code\n(c__builtin__\ncompile\n(" + text(python) + text("x") + text("exec") + b"tR}tR"))
runs("pickle in a pickle", pickled(b"c_pickle\nloads\n(c_codecs\nencode\n(" + text(pickled(b"cos\nsystem\n(" + text(command) + b"tR").decode("latin1")) + text("latin1") + b"tRtR"))
runs("INST", b"\x80\x02(S'" + command.encode() + b"'\nios\nsystem\n.")
runs("OBJ", pickled(b"(cos\nsystem\n" + text(command) + b"o"))
runs("NEWOBJ", pickled(b"csubprocess\nPopen\n)\x81(c__builtin__\nexec\n(" + text(python) + b"tRtb"))
runs("NEWOBJ_EX", pickled(b"cbuiltins\ntuple\n(cbuiltins\nmap\n(cbuiltins\nexec\n](" + text(python) + b"etRt}\x92", 4))
runs("STACK_GLOBAL", pickled(b"\x8c\x02os\x8c\x06system\x93" + text(command) + b"\x85R", 4))
runs("STACK_GLOBAL out of the memo", pickled(b"\x8c\x06system\x94\x8c\x02os\x9400h\x01h\x00\x93" + text(command) + b"\x85R", 4))
runs("call, then POP, then a good checkpoint", pickled(b"cos\nsystem\n(" + text(command) + b"tR0" + GOOD[2:-1]))
runs("call above a mark that is popped", pickled(b"(cos\nsystem\n(" + text(command) + b"tR1" + GOOD[2:-1]))
runs("call as a key", pickled(b"}cos\nsystem\n(" + text(command) + b"tRK\x01s"))
runs("call as a tensor's storage", pickled(state(text("w"), tensor(store=b"cos\nsystem\n(" + text(command) + b"tR"))))
runs("call in a persistent id", pickled(b"(" + text("storage") + b"cos\nsystem\n(" + text(command) + b"tRtQ"))
runs("call as a tensor's hooks", pickled(state(text("w"), tensor(hooks=b"cos\nsystem\n(" + text(command) + b"tR"))))
runs("factory of a defaultdict", pickled(b"c__builtin__\ngetattr\n(ccollections\ndefaultdict\n(cfunctools\npartial\n(cos\nsystem\n" + text(command) + b"tRtR" + text("__getitem__") + b"tR(K\x01tR"))
runs("dotted name", pickled(b"\x8c\x08builtins\x8c\x0dexec.__call__\x93" + text(python) + b"\x85R", 4))

# What runs nothing by itself, or nothing without another package.
for module, name in [
    ("nt", "system"), ("posix", "system"), ("pty", "spawn"), ("webbrowser", "open"), ("torch", "load"),
    ("torch.storage", "_load_from_bytes"), ("torch.hub", "load"), ("torch.jit", "load"), ("torch._utils", "_rebuild_tensor"),
    ("torch._tensor", "_rebuild_from_type_v2"), ("numpy", "load"), ("numpy.testing._private.utils", "runstring"),
    ("dill", "loads"), ("copyreg", "_reconstructor"), ("copy_reg", "__newobj__"), ("builtins", "object"),
    ("collections.OrderedDict", "__init__"), ("torch ", "Size"), ("torch", "Size "), ("mmengine.config", "Config"),
    ("__main__", "Args"), ("sys", "modules"),
]:
    odd(f"global {module}.{name}", pickled(state(text("w"), f"c{module}\n{name}\n)R".encode())))
HISTORY = b"cmmengine.logging.history_buffer\nHistoryBuffer\n"
odd("getattr of an allowed class", pickled(b"c__builtin__\ngetattr\n(ccollections\nOrderedDict\n" + text("__init__") + b"tR"))
odd("call of a method of HistoryBuffer", pickled(b"c__builtin__\ngetattr\n(" + HISTORY + text("mean") + b"tR)R"))
odd("call of HistoryBuffer", pickled(HISTORY + b")R"))
odd("call of a tensor", pickled(tensor() + b")R"))
odd("call with a list", pickled(b"ccollections\nOrderedDict\n]R"))
odd("OrderedDict of a list", pickled(b"ccollections\nOrderedDict\n(]tR"))
odd("new object of a function", pickled(b"ctorch._utils\n_rebuild_tensor_v2\n)\x81"))
odd("state for a dict", pickled(b"}}b"))
odd("state for a tensor", pickled(tensor() + b"}b"))
odd("state for a global", pickled(b"ctorch\nSize\n}b"))
odd("bytes in another encoding", pickled(b"c_codecs\nencode\n(" + text("x") + text("idna") + b"tR"))
for opcode, name in [(b"\x82\x01", "EXT1"), (b"\x83\x01\x00", "EXT2"), (b"\x84\x01\x00\x00\x00", "EXT4"), (b"P0\n", "PERSID"), (b"2", "DUP"), (b"I1\n", "INT"), (b"\x97", "NEXT_BUFFER")]:
    odd(f"opcode {name}", pickled(b"}" + opcode))
odd("a second pickle behind the first", GOOD + pickled(b"cos\nsystem\n(" + text(command) + b"tR"))
odd("unknown memo slot", pickled(b"}h\x05"))
odd("memo slot 4294967295", pickled(b"}r\xff\xff\xff\xff"))
odd("memo slot written twice", pickled(b"}q\x00]q\x00"))
odd("LONG4 of 2 GB", pickled(b"\x8b\xff\xff\xff\x7f"))
odd("LONG4 of 4 MB", pickled(b"\x8b\x00\x00\x40\x00" + b"\x01" * 2**22))
odd("BINUNICODE of 4 GB", pickled(b"X\xff\xff\xff\xff"))
odd("BINUNICODE8 of 2^63 bytes", pickled(b"\x8d\x00\x00\x00\x00\x00\x00\x00\x80", 4))
odd("BYTEARRAY8 of 2^63 bytes", pickled(b"\x96\x00\x00\x00\x00\x00\x00\x00\x80", 5))
odd("FRAME of 2^63 bytes", pickled(b"\x95\x00\x00\x00\x00\x00\x00\x00\x80", 4))
odd("text that is not UTF-8", pickled(b"X\x01\x00\x00\x00\xff"))
odd("a name without an end", pickled(b"c" + b"a" * 5000))
odd("100,000 tuples in each other", pickled(b")" + b"\x85" * 100_000))
odd("100,000 marks", pickled(b"(" * 100_000 + b"t"))
odd("a dict in itself", pickled(b"}q\x00" + text("state_dict") + b"h\x00s"))
odd("nothing", b"")
odd("the end alone", pickled(b""))
odd("no protocol", GOOD[2:])
for protocol in (0, 1, 6, 255):
    odd(f"protocol {protocol}", pickled(GOOD[2:-1], protocol))
for cut in (1, 2, 40, len(GOOD) - 1):
    odd(f"cut after {cut} bytes", GOOD[:cut])
odd("call on an empty stack", pickled(b"R"))
odd("append to a dict", pickled(b"}K\x01a"))
odd("append to a tuple", pickled(b")K\x01a"))
odd("add to a list", pickled(b"](K\x01\x90", 4))
odd("items for a list", pickled(b"](K\x01K\x02u"))
odd("a key without a value", pickled(b"}(K\x01u"))
odd("a tuple without a mark", pickled(b"K\x01t"))
odd("a value below a mark", pickled(b"}K\x01(K\x02s"))
odd("two values at the end", pickled(b"}}"))
odd("a key twice", pickled(state(text("w"), tensor(), text("w"), tensor())))
odd("a key that has no hash", pickled(b"}]K\x01s"))
odd("names of a global that are numbers", pickled(b"K\x01K\x02\x93", 4))
odd("a state dict with a number in it", pickled(state(text("w"), b"K\x01")))
odd("a list at the top", pickled(b"]"))

# Tensors.
BIG = b"\x8a\x06\x00\x00\x00\x00\x00\x01"  # 2^40
odd("view beyond its storage", pickled(state(text("w"), tensor(offset=b"K\x01"))))
odd("stride beyond its storage", pickled(state(text("w"), tensor(size=b"K\x02\x85", stride=b"K\x09\x85"))))
odd("negative offset", pickled(state(text("w"), tensor(offset=b"J\xff\xff\xff\xff"))))
odd("negative stride", pickled(state(text("w"), tensor(stride=b"J\xff\xff\xff\xff\x85"))))
odd("expanded to 2^80 elements", pickled(state(text("w"), tensor(size=BIG + BIG + b"\x86", stride=b"K\x00K\x00\x86"))))
odd("expanded to 5 elements", pickled(state(text("w"), tensor(size=b"K\x05\x85", stride=b"K\x00\x85"))))
odd("size without strides", pickled(state(text("w"), tensor(stride=b")"))))
odd("size that is a list", pickled(state(text("w"), tensor(size=b"](K\x04e"))))
odd("conjugated tensor", pickled(state(text("w"), tensor(more=b"}" + text("conj") + b"\x88s"))))
odd("tensor with hooks", pickled(state(text("w"), tensor(hooks=b"ccollections\nOrderedDict\n)RK\x01K\x01s"))))
odd("tensor over nothing", pickled(state(text("w"), tensor(store=b"N"))))
odd("storage that is longer than its entry", pickled(state(text("w"), tensor(store=storage(count=b"K\x05")))))
odd("storage without an entry", pickled(state(text("w"), tensor(store=storage(key="7")))))
odd("storage of another folder", pickled(state(text("w"), tensor(store=storage(key="../data.pkl")))))
odd("storage of another type", pickled(state(text("w"), tensor(store=storage(kind="torch\nQInt8Storage")))))
odd("storage of no type", pickled(state(text("w"), tensor(store=storage(kind="torch\nSize")))))
odd("storage with two types", pickled(state(text("w"), tensor(), text("v"), tensor(store=storage(kind="torch\nIntStorage")))))
odd("parameter with hooks", pickled(state(text("w"), b"ctorch._utils\n_rebuild_parameter\n(" + tensor() + b"\x88ccollections\nOrderedDict\n)RK\x01K\x01stR")))
odd("parameter over nothing", pickled(state(text("w"), b"ctorch._utils\n_rebuild_parameter\n(N\x88ccollections\nOrderedDict\n)RtR")))
odd("persistent id that is text", pickled(text("0") + b"Q"))

# Archives.
good = archive()
write("zip: two data.pkl", archive(entries=[("archive/data.pkl", dumps(os.system, command))]))
write("zip: a storage twice", archive(entries=[("archive/data/0", STORAGE)]))
for name in ("../evil", "/etc/passwd", "archive/../../evil", "C:/evil", "archive\\evil"):
    write(f"zip: entry {name.replace('/', '|')}", archive(entries=[(name, b"x")]))
write("zip: a name without letters", archive(entries=[("", b"x")]))
write("zip: compressed data.pkl", archive(method=zipfile.ZIP_DEFLATED))
write("zip: bomb of 64 MB as data.pkl", archive(pickled(b"N" * 2**26), method=zipfile.ZIP_DEFLATED))
write("zip: compressed storage", archive(entries=[("archive/data/1", b"0" * 10**6, zipfile.ZIP_DEFLATED)]))
write("zip: encrypted", good.replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00", 1))
at = good.index(b"archive/data/0")
write("zip: other name in the local header", good[:at] + b"archive/data/9" + good[at + 14 :])
write("zip: other size in the local header", good[: at - 8] + b"\x11\x00\x00\x00" + good[at - 4 :])
central = good.index(b"PK\x01\x02")
second = good.index(b"PK\x01\x02", central + 4)
write("zip: entries over each other", good[: second + 42] + b"\x00\x00\x00\x00" + good[second + 46 :])
pair = [("archive/x", b"?" * 41), ("archive/y", b"yy")]
plain = archive(entries=pair)
header = plain.index(b"archive/y") - 30
outer = archive(entries=[("archive/x", plain[header : header + 41]), pair[1]])
record = outer.index(b"archive/y", outer.index(b"PK\x01\x02")) - 46
write("zip: an entry inside another", outer[: record + 42] + struct.pack("<I", outer.index(b"PK\x03\x04", outer.index(b"archive/x"))) + outer[record + 46 :])
write("zip: two folders", archive(entries=[("other/data.pkl", GOOD)]))
write("zip: no data.pkl", archive(None))
write("zip: TorchScript", archive(entries=[("archive/constants.pkl", GOOD)]))
write("zip: big-endian", archive(order=b"big"))
write("zip: odd byte order", archive(order=b"x" * 10**6))
write("zip: cut in half", good[: len(good) // 2])
write("zip: without its last byte", good[:-1])
write("zip: one byte more", good + b"\0")
write("zip: something in front", b"#!/bin/sh\ntrue\n" + good)
write("zip: another archive behind", good + archive(dumps(os.system, command)))
end = good.rindex(b"PK\x05\x06")
write("zip: more entries than there are", good[: end + 8] + b"\xff\xff\xff\xff" + good[end + 12 :])
write("zip: directory beyond the file", good[: end + 16] + b"\xf0\xff\xff\xff" + good[end + 20 :])
huge = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 2**60, 2**60, 2**60, 2**62)
locator = struct.pack("<IIQI", 0x07064B50, 0, end, 1)
write("zip: 2^60 entries", good[:end] + huge + locator + good[end:])
write("zip: 64-bit directory beyond the file", good[:end] + struct.pack("<IIQI", 0x07064B50, 0, 2**63, 1) + good[end:])
write("zip: an entry that is longer than the file", good[: central + 20] + b"\xff\xff\xff\x7f\xff\xff\xff\x7f" + good[central + 28 :])
write("zip: nothing", b"PK\x05\x06" + b"\0" * 18)
write("zip: four bytes", b"PK\x03\x04")
write("file: empty", b"")
write("file: bare pickle", dumps(os.system, command))

# The format before torch 1.6: five pickles, and the storages as numbers of elements and elements.
MACHINE = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


def older(magic=0x1950A86A20F9469CFC6C, version=1001, machine=MACHINE, data=GOOD, keys=["0"], count=4, behind=b""):
    before = b"".join(pickle.dumps(value, 2) for value in (magic, version, machine))
    return before + data + pickle.dumps(keys, 2) + struct.pack("<q", count) + STORAGE + behind


view = GOOD.replace(b"K\x04tQ", b"K\x04(X\x01\x00\x00\x001K\x00K\x04ttQ", 1)
assert view != GOOD
write("older: another magic number", older(magic=0x1950A86A20F9469CFC6D))
write("older: another version", older(version=1000))
write("older: big-endian", older(machine={**MACHINE, "little_endian": False}))
write("older: no machine", older(machine=[]))
write("older: os.system", older(data=dumps(os.system, command)))
write("older: os.system as the machine", older(machine=Reduces(os.system, (command,))))
write("older: a view of a storage", older(data=view))
write("older: a storage that nobody knows", older(keys=["1"]))
write("older: a storage twice", older(keys=["0", "0"]))
write("older: no storage", older(keys=[]))
write("older: keys that are no list", older(keys="0"))
write("older: fewer elements", older(count=3))
write("older: 2^62 elements", older(count=2**62))
write("older: negative elements", older(count=-1))
write("older: cut in the pickles", older()[:200])
write("older: cut in the storage", older()[:-1])
write("older: one byte more", older(behind=b"\0"))
write("file: tar", b"storages\0" + b"\0" * 2000)
write("file: text", b"version https://git-lfs.github.com/spec/v1\n")
assert not os.path.exists(marker)

# What all of these are variations of is read.
hostile = list(names)
write("good", good)
write("good, older", older())
print(json.dumps(hostile))
