"""Transformers' side of t5.test.ts: makes encoders with random weights and their results, or checks ours."""

import io
import json
import logging
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import T5Config, T5EncoderModel
from transformers.models.t5.modeling_t5 import T5Attention


def results(model, ids, mask):
    """Hidden states and every gradient of a weighted sum of them, padding left out."""
    hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
    weights = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(11))
    real = torch.ones_like(ids) if mask is None else mask
    (hidden * weights * real.unsqueeze(-1)).sum().backward()
    gradients = {f"grad.{key}": value.grad for key, value in model.named_parameters()}
    return {"hidden": hidden.detach(), **gradients}


def make(folder, config, lengths, padded, seed):
    torch.manual_seed(seed)
    model = T5EncoderModel(T5Config(**config)).eval()
    model.save_pretrained(f"{folder}/model")
    ids = torch.randint(2, config["vocab_size"], (len(lengths), padded))
    mask = (torch.arange(padded) < torch.tensor(lengths).unsqueeze(1)).long()
    ids = ids * mask
    whole = bool(mask.all())
    outputs = results(model, ids, None if whole else mask)
    save_file({"ids": ids, "mask": mask, **outputs}, f"{folder}/reference.safetensors")


def check(folder):
    """Loads a folder that we saved, with everything that transformers says while it does."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    transformers.logging.set_verbosity_warning()
    transformers.logging.add_handler(handler)
    model, info = T5EncoderModel.from_pretrained(f"{folder}/saved", output_loading_info=True)
    transformers.logging.remove_handler(handler)
    reference = load_file(f"{folder}/reference.safetensors")
    with torch.no_grad():
        hidden = model.eval()(reference["ids"], reference["mask"]).last_hidden_state
    return {
        "missing": sorted(info["missing_keys"]),
        "unexpected": sorted(info["unexpected_keys"]),
        "said": said.getvalue(),
        "config": model.config.to_diff_dict(),
        "difference": ((hidden - reference["hidden"]).norm() / reference["hidden"].norm()).item(),
    }


def buckets(length, num_buckets, max_distance):
    position = torch.arange(length)
    relative = position[None, :] - position[:, None]
    return T5Attention._relative_position_bucket(
        relative, bidirectional=True, num_buckets=num_buckets, max_distance=max_distance
    ).tolist()


request = json.load(sys.stdin)
actions = {"make": make, "check": check, "buckets": buckets}
json.dump([actions[request["action"]](**case) for case in request["cases"]], sys.stdout)
