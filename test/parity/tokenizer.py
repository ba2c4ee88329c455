"""Encodes texts with transformers' two ways to a T5 tokenizer, and prepares captions as diffusers does.

In: the tokenizer's folder, texts, how many of them to pad and cut to which lengths, a folder to save the tokenizer in
again, and captions. Out: the ids of both tokenizers, decoded texts, prepared captions (null where Python's Unicode does
not know a character).
"""

import json
import sys
import unicodedata

from diffusers import PixArtAlphaPipeline
from transformers import AutoTokenizer, T5Tokenizer

question = json.load(sys.stdin)


def encodings(tokenizer):
    return {
        "class": type(tokenizer).__name__,
        "length": len(tokenizer),
        "whole": tokenizer(question["texts"])["input_ids"],
        "padded": [
            dict(
                tokenizer(
                    question["texts"][: question["padded"]],
                    padding="max_length",
                    max_length=length,
                    truncation=True,
                )
            )
            for length in question["lengths"]
        ],
    }


def prepare(caption):
    if any(unicodedata.category(character) == "Cn" for character in caption):
        return None
    return PixArtAlphaPipeline._text_preprocessing(None, caption)[0]


t5 = T5Tokenizer.from_pretrained(question["folder"])
t5.save_pretrained(question["resaved"])
answer = {
    "auto": encodings(AutoTokenizer.from_pretrained(question["folder"])),
    "t5": encodings(t5),
    "decoded": t5.batch_decode(t5(question["texts"])["input_ids"], skip_special_tokens=True),
    "prepared": [prepare(caption) for caption in question["captions"]],
}
print(json.dumps(answer))  # json.dump takes many times as long
