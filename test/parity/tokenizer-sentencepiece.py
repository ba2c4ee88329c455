"""Trains SentencePiece models and splits texts with them, by SentencePiece itself and by transformers.

In: a folder, a corpus, the flags of each model, texts, and a folder that holds a tokenizer already. Out, by model: the
ids of SentencePiece with </s> at the end; for "t5" those of transformers' T5Tokenizer too, and what it decodes. For the
folder: the ids of both, and transformers' vocabulary. Neither takes half a surrogate pair: it is passed as U+FFFD.
"""

import io
import json
import os
import sys

import sentencepiece
from transformers import AutoTokenizer, T5Tokenizer

question = json.load(sys.stdin)
texts = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in question["texts"]]


def train(name, flags):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(question["corpus"]),
        model_writer=model,
        model_type="unigram",
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        hard_vocab_limit=False,
        character_coverage=0.999,
        minloglevel=2,
        **flags,
    )
    folder = os.path.join(question["folder"], name)
    os.makedirs(folder)
    with open(os.path.join(folder, "spiece.model"), "wb") as file:
        file.write(model.getvalue())
    own = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return {"sentencepiece": [ids + [1] for ids in own.encode(texts)]}


def split_with_saved(folder):
    own = sentencepiece.SentencePieceProcessor(model_file=os.path.join(folder, "spiece.model"))
    theirs = T5Tokenizer.from_pretrained(folder)
    return {
        "class": type(AutoTokenizer.from_pretrained(folder)).__name__,
        "sentencepiece": [ids + [1] for ids in own.encode(question["savedTexts"])],
        "transformers": theirs(question["savedTexts"])["input_ids"],
        "vocabulary": theirs.get_vocab(),
    }


answer = {name: train(name, flags) for name, flags in question["models"].items()}
t5 = T5Tokenizer.from_pretrained(os.path.join(question["folder"], "t5"))
t5.save_pretrained(os.path.join(question["folder"], "t5", "resaved"))
encoded = t5(texts)["input_ids"]
answer["t5"].update(
    transformers=encoded,
    decoded=t5.batch_decode(encoded, skip_special_tokens=True),
    size=len(t5),
)
answer["saved"] = split_with_saved(question["saved"])
print(json.dumps(answer))  # json.dump takes many times as long
