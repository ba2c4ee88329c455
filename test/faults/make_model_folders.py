"""Saves a tiny PixArt transformer with diffusers, whole and sharded, and reads folders that were written elsewhere."""

import hashlib
import json
import os
import sys

import torch
from diffusers import PixArtTransformer2DModel

torch.manual_seed(0)


def digests(model):
    return {
        name: [str(tensor.dtype), list(tensor.shape), hashlib.sha256(tensor.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()]
        for name, tensor in model.state_dict().items()
    }


command, folder = sys.argv[1:]
if command == "save":
    model = PixArtTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=4,
        num_layers=2,
        sample_size=8,
        cross_attention_dim=8,
        caption_channels=16,
        use_additional_conditions=False,
    ).to(torch.bfloat16)
    model.save_pretrained(os.path.join(folder, "whole"))
    model.save_pretrained(os.path.join(folder, "sharded"), max_shard_size=2000)
    model.save_pretrained(os.path.join(folder, "variant"), max_shard_size=2000, variant="bf16")
    print(json.dumps(list(model.state_dict())))
else:
    out = {}
    for name in ("whole", "sharded", "variant"):
        variant = "bf16" if name == "variant" else None
        model, info = PixArtTransformer2DModel.from_pretrained(
            os.path.join(folder, name), torch_dtype=torch.bfloat16, variant=variant, output_loading_info=True
        )
        assert not any(info.values()), info
        out[name] = digests(model)
    print(json.dumps(out))
