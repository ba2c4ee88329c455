"""Transformers' side of t5.test.ts: makes encoders and their results, or loads what we saved."""

import io as text_io
import json
import logging
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import T5Config, T5EncoderModel
from transformers.models.t5.modeling_t5 import T5Attention


def make(folder, config, lengths, padded, seed):
    folder = Path(folder)
    torch.manual_seed(seed)
    model = T5EncoderModel(T5Config(**config)).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            # Norms begin as the identity, which would hide one that is left out.
            if "norm" in key:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(folder)

    ids = torch.randint(2, config["vocab_size"], (len(lengths), padded))
    mask = (torch.arange(padded) < torch.tensor(lengths).unsqueeze(1)).long()
    hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
    unmasked = model(input_ids=ids).last_hidden_state
    weight = torch.randn_like(hidden)
    ((hidden + unmasked) * weight).sum().backward()
    half = T5EncoderModel.from_pretrained(folder, dtype=torch.bfloat16)
    tensors = {
        "ids": ids,
        "mask": mask,
        "weight": weight,
        "hidden": hidden.detach(),
        "unmasked": unmasked.detach(),
        "bfloat16": half(input_ids=ids, attention_mask=mask).last_hidden_state.detach(),
    }
    save_file(tensors, folder / "io.safetensors")
    gradients = {key: parameter.grad for key, parameter in model.named_parameters()}
    save_file(gradients, folder / "gradients.safetensors")


def reload(folder):
    """Also gives back whatever transformers logs while it loads."""
    said = text_io.StringIO()
    handler = logging.StreamHandler(said)
    transformers.logging.set_verbosity_warning()
    transformers.logging.add_handler(handler)
    model, loading = T5EncoderModel.from_pretrained(f"{folder}/ours", output_loading_info=True)
    transformers.logging.remove_handler(handler)
    io = load_file(f"{folder}/io.safetensors")
    # With gradients, as when it was made: without them attention runs in another kernel.
    hidden = model(io["ids"], io["mask"]).last_hidden_state
    model.save_pretrained(f"{folder}/theirs")
    return {
        "distance": (hidden - io["hidden"]).norm().item(),
        "loading": {key: list(value) for key, value in loading.items()},
        "said": said.getvalue(),
    }


def buckets(length, num_buckets, max_distance):
    position = torch.arange(length)
    relative = position[None, :] - position[:, None]
    return T5Attention._relative_position_bucket(
        relative, num_buckets=num_buckets, max_distance=max_distance
    ).tolist()


request = json.load(sys.stdin)
actions = {"make": make, "reload": reload, "buckets": buckets}
json.dump([actions[request["action"]](**case) for case in request["cases"]], sys.stdout)
