"""Encodes texts with a tokenizer.json under each of several normalizers, by the tokenizers library itself.

transformers' T5Tokenizer drops every normalizer but SentencePiece's map.
"""

import json
import sys

from tokenizers import Tokenizer

question = json.load(sys.stdin)
with open(question["file"]) as file:
    written = json.load(file)


def ids(normalizer):
    changed = Tokenizer.from_str(json.dumps({**written, "normalizer": normalizer}))
    return [one.ids for one in changed.encode_batch(question["texts"])]


print(json.dumps([ids(normalizer) for normalizer in question["normalizers"]]))
