"""PixArt-delta's ControlNet in PyTorch, for controlnet.test.ts and controlnet-pipeline.py.

Built from diffusers' blocks. The control part is hooked in before the blocks of an unchanged diffusers
model, so that the model's own forward does all the rest. JSON on stdin and on the last line of stdout.
"""

import json
import sys
from pathlib import Path

import torch
from diffusers import PixArtTransformer2DModel
from diffusers.models.attention import BasicTransformerBlock
from safetensors.torch import load_file, save_file
from torch import nn


class ControlBlock(nn.Module):
    def __init__(self, index, heads, head_dim, cross_dim):
        super().__init__()
        width = heads * head_dim
        if index == 0:
            self.before_proj = nn.Linear(width, width)
        self.transformer_block = BasicTransformerBlock(
            width,
            heads,
            head_dim,
            cross_attention_dim=cross_dim,
            activation_fn="gelu-approximate",
            attention_bias=True,
            norm_type="ada_norm_single",
            norm_elementwise_affine=False,
            norm_eps=1e-6,
        )
        self.after_proj = nn.Linear(width, width)


class Control(nn.Module):
    def __init__(self, count, heads=16, head_dim=72, cross_dim=1152):
        super().__init__()
        blocks = [ControlBlock(i, heads, head_dim, cross_dim) for i in range(count)]
        self.controlnet_blocks = nn.ModuleList(blocks)

    def attach(self, model):
        """Lets copy j see what enters block j + 1, and change it."""

        def hook(copy):
            def run(_, args, kwargs):
                (tokens,) = args
                if hasattr(copy, "before_proj"):
                    self.tokens = tokens + copy.before_proj(self.tokens)
                self.tokens = copy.transformer_block(self.tokens, **kwargs)
                return (tokens + copy.after_proj(self.tokens),), kwargs

            return run

        followers = model.transformer_blocks[1:]
        return [
            block.register_forward_pre_hook(hook(copy), with_kwargs=True)
            for copy, block in zip(self.controlnet_blocks, followers)
        ]


def run(folder, seed, height, width):
    """Loads both models that TypeScript saved; leaves inputs, outputs and gradients beside them."""
    folder = Path(folder)
    torch.manual_seed(seed)
    model = PixArtTransformer2DModel.from_pretrained(folder / "transformer").requires_grad_(False)
    config = model.config
    saved = json.loads((folder / "controlnet" / "config.json").read_text())
    heads, head_dim = config.num_attention_heads, config.attention_head_dim
    control = Control(saved["num_layers"], heads, head_dim, config.cross_attention_dim)
    control.load_state_dict(load_file(folder / "controlnet" / "diffusion_pytorch_model.safetensors"))
    io = {
        "hidden_states": torch.randn(2, 4, height, width),
        "controlnet_cond": torch.randn(2, 4, height, width),
        "encoder_hidden_states": torch.randn(2, 5, config.caption_channels),
        "encoder_attention_mask": torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]),
        "timestep": torch.randint(0, 1000, (2,)),
        "resolution": torch.rand(2, 2) * 1000,
        "aspect_ratio": torch.rand(2, 1) + 0.5,
    }

    def call():
        control.tokens = model.pos_embed(io["controlnet_cond"])
        return model(
            io["hidden_states"],
            encoder_hidden_states=io["encoder_hidden_states"],
            timestep=io["timestep"],
            encoder_attention_mask=io["encoder_attention_mask"],
            added_cond_kwargs={key: io[key] for key in ("resolution", "aspect_ratio")},
        ).sample

    base = call()
    control.attach(model)
    output = call()
    weight = torch.randn_like(output)
    (output * weight).sum().backward()
    save_file({**io, "base": base, "output": output.detach(), "weight": weight}, folder / "io.safetensors")
    gradients = {name: parameter.grad for name, parameter in control.named_parameters()}
    save_file(gradients, folder / "gradients.safetensors")
    return {"config": saved}


if __name__ == "__main__":
    request = json.load(sys.stdin)
    cases = [run(**case) for case in request["cases"]]
    with torch.device("meta"):
        released = Control(13)
    answer = {
        "cases": cases,
        "keys": {name: list(tensor.shape) for name, tensor in released.state_dict().items()},
    }
    print()
    json.dump(answer, sys.stdout)
