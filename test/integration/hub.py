"""huggingface_hub on the caches of the hub tests: finds our files offline, fills a cache of its own, reads the variables."""

import importlib
import json
import os
import sys

os.environ["NO_PROXY"] = "127.0.0.1"
request = json.load(sys.stdin)
import huggingface_hub
from huggingface_hub import constants, hf_hub_download, snapshot_download, try_to_load_from_cache

name, files = request["name"], request["files"]
assert constants.HF_HUB_OFFLINE

ours = request["ours"]
answer = {
    "found": [try_to_load_from_cache(name, file, cache_dir=ours) for file in files],
    "downloaded": [hf_hub_download(name, file, cache_dir=ours, local_files_only=True) for file in files],
    "snapshot": snapshot_download(name, cache_dir=ours, local_files_only=True),
    "pinned": snapshot_download(name, revision=request["commit"], cache_dir=ours),
}

constants.HF_HUB_OFFLINE = False
constants.HF_HUB_DISABLE_SYMLINKS = not request["hasLinks"]
answer["theirs"] = snapshot_download(
    name, cache_dir=request["theirs"], allow_patterns=files, endpoint=request["endpoint"], token=request["token"]
)

variables = ["HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "HF_ENDPOINT"]
answer["environments"] = []
for environment in request["environments"]:
    for variable in variables:
        os.environ.pop(variable, None)
    os.environ.update(environment)
    importlib.reload(constants)
    answer["environments"].append([constants.HF_HUB_CACHE, constants.HF_HUB_OFFLINE, constants.ENDPOINT])

json.dump(answer, sys.stdout)
