"""Transformers' side of clip-tokenizer.test.ts: makes a small vocabulary, and tokenizes texts with it."""

import json
import sys

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"


def vocabulary(captions, unknown):
    """Bytes, bytes at a word's end and merges, as in the released CLIP; without some that are then unknown."""
    likeness = CLIPTokenizer().backend_tokenizer
    trained = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    trained.normalizer, trained.pre_tokenizer = likeness.normalizer, likeness.pre_tokenizer
    trainer = trainers.BpeTrainer(vocab_size=700, end_of_word_suffix="</w>", show_progress=False)
    trained.train_from_iterator(captions, trainer)
    merges = [tuple(pair) for pair in json.loads(trained.to_str())["model"]["merges"]]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*alphabet, *(letter + "</w>" for letter in alphabet)]
    tokens += dict.fromkeys(a + b for a, b in merges)
    tokens = [token for token in dict.fromkeys(tokens) if token not in unknown]
    known = set(tokens)
    merges = [(a, b) for a, b in merges if {a, b, a + b} <= known]
    return {token: i for i, token in enumerate([*tokens, START, END])}, merges


request = json.load(sys.stdin)
vocab, merges = vocabulary(request["captions"], request["unknown"])
tokenizer = CLIPTokenizer(vocab=vocab, merges=merges, pad_token=request["pad"])
tokenizer.save_pretrained(request["folder"])
tokenizer = AutoTokenizer.from_pretrained(request["folder"])
encoded = tokenizer(request["texts"], padding="max_length", truncation=True, max_length=request["length"])
json.dump({"ids": encoded.input_ids, "merges": len(merges), "class": type(tokenizer).__name__}, sys.stdout)
