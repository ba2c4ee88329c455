"""Reads every file of a folder with the reference parser; one JSON line a file: its verdict and what it read."""

import hashlib
import json
import os
import sys

from safetensors import SafetensorError, deserialize

folder = sys.argv[1]
for name in sorted(os.listdir(folder)):
    with open(os.path.join(folder, name), "rb") as file:
        content = file.read()
    try:
        tensors = {
            key: [info["dtype"], info["shape"], hashlib.sha256(info["data"]).hexdigest()]
            for key, info in deserialize(content)
        }
        print(json.dumps({"file": name, "tensors": tensors}))
    except SafetensorError as error:
        print(json.dumps({"file": name, "error": str(error)}))
