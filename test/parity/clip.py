"""Transformers' side of clip.test.ts: makes models and what they make of texts and pictures, or loads what we saved."""

import io as text_io
import json
import logging
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPModel


def make(folder, config, seed):
    folder = Path(folder)
    torch.manual_seed(seed)
    model = CLIPModel(CLIPConfig(**config)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            # Norms begin as the identity and biases at 0, which would hide one that is left out.
            parameter.add_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(folder)

    text, vision = model.config.text_config, model.config.vision_config
    last = text.vocab_size - 1
    end = last if text.eos_token_id == 2 else text.eos_token_id
    length = text.max_position_embeddings
    ids = torch.randint(3, last, (4, length))
    ids[ids == end] = 3
    for row, at in enumerate([length - 1, 1, 5, length - 2]):
        ids[row, at:] = end if row % 2 else 0
        ids[row, at] = end
    pixels = torch.randn(3, vision.num_channels, vision.image_size, vision.image_size)
    with torch.no_grad():
        both = model(input_ids=ids, pixel_values=pixels)
        tensors = {
            "ids": ids,
            "pixels": pixels,
            "text_features": model.get_text_features(ids).pooler_output,
            "image_features": model.get_image_features(pixels).pooler_output,
            "text_embeds": both.text_embeds,
            "image_embeds": both.image_embeds,
            "logits": both.logits_per_image.contiguous(),
        }
    save_file(tensors, folder / "io.safetensors")


def reload(folder):
    """Also gives back whatever transformers logs while it loads."""
    said = text_io.StringIO()
    handler = logging.StreamHandler(said)
    transformers.logging.set_verbosity_warning()
    transformers.logging.add_handler(handler)
    model, loading = CLIPModel.from_pretrained(f"{folder}/ours", output_loading_info=True)
    transformers.logging.remove_handler(handler)
    io = load_file(f"{folder}/io.safetensors")
    with torch.no_grad():
        logits = model(input_ids=io["ids"], pixel_values=io["pixels"]).logits_per_image
    return {
        "distance": (logits - io["logits"]).norm().item(),
        "loading": {key: list(value) for key, value in loading.items()},
        "said": said.getvalue(),
    }


request = json.load(sys.stdin)
actions = {"make": make, "reload": reload}
json.dump([actions[request["action"]](**case) for case in request["cases"]], sys.stdout)
