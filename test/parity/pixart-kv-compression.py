"""PixArt-Sigma's compression of keys and values, for pixart-kv-compression.test.ts.

No package of diffusers has it. The attention here is written out from its definition, with an explicit
softmax, and put into diffusers' model in the place of the self-attention of each block.
JSON on stdin and on the last line of stdout.
"""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import PixArtTransformer2DModel
from safetensors.torch import load_file, save_file
from torch import nn


class CompressedAttention(nn.Module):
    def __init__(self, plain, heads, sampling, factor, qk_norm):
        super().__init__()
        self.to_q, self.to_k, self.to_v, self.to_out = plain.to_q, plain.to_k, plain.to_v, plain.to_out
        self.heads, self.sampling, self.factor = heads, sampling, factor
        width = self.to_q.out_features
        if sampling == "conv":
            self.sr = nn.Conv2d(width, width, factor, stride=factor, groups=width)
            nn.init.constant_(self.sr.weight, 1 / factor**2)
            nn.init.zeros_(self.sr.bias)
            self.norm = nn.LayerNorm(width)
        if qk_norm:
            self.q_norm, self.k_norm = nn.LayerNorm(width), nn.LayerNorm(width)

    def fewer(self, tokens):
        if self.sampling is None:
            return tokens
        if self.sampling == "uniform_every":
            return tokens[:, :: self.factor]
        height, width = self.grid
        picture = tokens.mT.unflatten(2, (height, width))
        if self.sampling == "conv":
            return self.norm(self.sr(picture).flatten(2).mT)
        if self.sampling == "ave":
            return F.interpolate(picture, scale_factor=1 / self.factor, mode="nearest").flatten(2).mT
        assert self.sampling == "uniform"
        return picture[:, :, :: self.factor, :: self.factor].flatten(2).mT

    def forward(self, hidden_states, **_):
        q, k, v = self.to_q(hidden_states), self.to_k(hidden_states), self.to_v(hidden_states)
        if hasattr(self, "q_norm"):
            q, k = self.q_norm(q), self.k_norm(k)
        q, k, v = (x.unflatten(2, (self.heads, -1)).transpose(1, 2) for x in (q, self.fewer(k), self.fewer(v)))
        weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
        return self.to_out[0]((weights @ v).transpose(1, 2).flatten(2))


def build(config, compression, qk_norm):
    model = PixArtTransformer2DModel(**config)
    for i, block in enumerate(model.transformer_blocks):
        compresses = compression is not None and i in compression["kv_compress_layer"]
        sampling = compression["sampling"] if compresses else None
        factor = compression["scale_factor"] if compresses else 1
        heads = config["num_attention_heads"]
        block.attn1 = CompressedAttention(block.attn1, heads, sampling, factor, qk_norm)
    return model


def run(case):
    """Loads what TypeScript saved, strictly; leaves inputs, output and gradients beside it."""
    folder = Path(case["folder"])
    torch.manual_seed(case["seed"])
    saved = json.loads((folder / "config.json").read_text())
    compression, qk_norm = saved.pop("kv_compress_config", None), saved.pop("qk_norm", False)
    saved.pop("_class_name")
    model = build(saved, compression, qk_norm)
    initial = {
        key: [tensor.min().item(), tensor.max().item()]
        for key, tensor in model.state_dict().items()
        if ".sr." in key or ".attn1.norm." in key or "_norm." in key
    }
    model.load_state_dict(load_file(folder / "diffusion_pytorch_model.safetensors"))
    height, width = case["height"], case["width"]
    for block in model.transformer_blocks:
        block.attn1.grid = (height // saved["patch_size"], width // saved["patch_size"])
    io = {
        "hidden_states": torch.randn(2, 4, height, width),
        "encoder_hidden_states": torch.randn(2, 5, saved["caption_channels"]),
        "timestep": torch.randint(0, 1000, (2,)),
    }
    output = model(
        io["hidden_states"],
        encoder_hidden_states=io["encoder_hidden_states"],
        timestep=io["timestep"],
        added_cond_kwargs={"resolution": None, "aspect_ratio": None},
    ).sample
    io["output"] = output.detach()
    io["weight"] = torch.randn_like(output)
    (output * io["weight"]).sum().backward()
    save_file(io, folder / "io.safetensors")
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    save_file(gradients, folder / "gradients.safetensors")
    return {"initial": initial}


cases = json.load(sys.stdin)
answer = [run(case) for case in cases]
print()
json.dump(answer, sys.stdout)
