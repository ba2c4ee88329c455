"""huggingface_hub on a cached data set: finds ours offline, and fills a cache of its own with the list of files."""

import json
import os
import sys

os.environ["NO_PROXY"] = "127.0.0.1"
request = json.load(sys.stdin)
from huggingface_hub import constants, get_cached_repo_tree, scan_cache_dir, snapshot_download
from huggingface_hub.errors import IncompleteSnapshotError

name, ours, wanted = request["name"], request["ours"], request["wanted"]
assert constants.HF_HUB_OFFLINE


def snapshot(**options):
    return snapshot_download(name, repo_type="dataset", cache_dir=ours, **options)


answer = {
    "wanted": snapshot(allow_patterns=wanted),
    "converted": snapshot(revision=request["branch"]),
    "tree": sorted(file.path for file in get_cached_repo_tree(name, repo_type="dataset", cache_dir=ours)),
}
try:
    answer["all"] = snapshot()
except IncompleteSnapshotError as error:
    answer["all"] = str(error)
scan = scan_cache_dir(ours)
answer["scanned"] = [[repo.repo_type, repo.repo_id] for repo in scan.repos]
answer["warnings"] = [str(warning) for warning in scan.warnings]

constants.HF_HUB_OFFLINE = False
answer["theirs"] = snapshot_download(
    name, repo_type="dataset", cache_dir=request["theirs"], allow_patterns=wanted, endpoint=request["endpoint"]
)
json.dump(answer, sys.stdout)
