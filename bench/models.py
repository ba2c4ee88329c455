"""Makes what all.ts measures: folders in diffusers' and transformers' form with random weights, and the inputs beside them.

Takes {"make": ..., "folder": ..., ...} as JSON on stdin. With "tiny" a model keeps its form, and is made in a moment.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

REQUEST = json.load(sys.stdin)
FOLDER = Path(REQUEST["folder"])
TINY = REQUEST["tiny"]
CAPTION_WIDTH = 64 if TINY else 4096

T5 = {
    "vocab_size": 32128,
    "d_model": CAPTION_WIDTH,
    "d_kv": 64,
    "d_ff": 128 if TINY else 10240,
    "num_heads": 1 if TINY else 64,
    "feed_forward_proj": "gated-gelu",
    "layer_norm_epsilon": 1e-6,
    "tie_word_embeddings": False,
}

XL = {
    "num_layers": 2 if TINY else 28,
    "attention_head_dim": 72,
    "num_attention_heads": 2 if TINY else 16,
    "cross_attention_dim": 144 if TINY else 1152,
    "caption_channels": CAPTION_WIDTH,
}

VAE = {
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "block_out_channels": [32] * 4 if TINY else [128, 256, 512, 512],
    "layers_per_block": 1 if TINY else 2,
    "latent_channels": 4,
}

PADDED = 120  # diffusers' length of a caption
TOKENS = 17  # those of a prompt of 12 English words: 16 pieces and the end mark


def transformer(side):
    """For latents of this side; the inputs are those of one picture with guidance."""
    from diffusers import PixArtTransformer2DModel

    config = {**XL, "sample_size": side, "use_additional_conditions": side == 128}
    PixArtTransformer2DModel(**config).save_pretrained(FOLDER)
    return {
        "latents": torch.randn(2, 4, side, side),
        "caption": torch.randn(2, PADDED, CAPTION_WIDTH),
        "mask": (torch.arange(PADDED)[None] < TOKENS).long().repeat(2, 1),
        "timestep": torch.tensor([500, 500]),
        "resolution": torch.tensor([[side * 8.0, side * 8.0]] * 2),
        "aspect_ratio": torch.tensor([[1.0]] * 2),
    }


def vae():
    from diffusers import AutoencoderKL

    AutoencoderKL(**VAE, sample_size=512).save_pretrained(FOLDER)
    return {"latents": torch.randn(1, 4, *[16 if TINY else 64] * 2)}


@torch.no_grad()
def draw_t5(model):
    """transformers' own spreads."""
    c = model.config
    for key, p in model.named_parameters():
        if "norm" in key:
            p.fill_(1)
        elif key.startswith("shared") or "embed_tokens" in key:
            p.normal_(0, 1)
        elif key.endswith("q.weight"):
            p.normal_(0, (c.d_model * c.d_kv) ** -0.5)
        elif key.endswith(".o.weight"):
            p.normal_(0, (c.num_heads * c.d_kv) ** -0.5)
        elif key.endswith("wo.weight"):
            p.normal_(0, c.d_ff**-0.5)
        else:
            p.normal_(0, c.d_model**-0.5)


def t5(layers):
    """T5-XXL's encoder in bfloat16. Its usual start would draw all weights twice, in float32 and one thread."""
    from transformers import T5Config, T5EncoderModel

    config = T5Config(**T5, num_layers=layers, num_decoder_layers=layers)
    with torch.device("meta"):
        model = T5EncoderModel(config)
    model = model.to(torch.bfloat16).to_empty(device="cpu").eval()
    model.tie_weights()
    draw_t5(model)
    model.save_pretrained(FOLDER, max_shard_size="5GB")
    ids = torch.zeros(1, PADDED, dtype=torch.int64)
    ids[0, :TOKENS] = torch.randint(3, 32000, (TOKENS,))
    ids[0, TOKENS - 1] = 1
    return {"ids": ids, "mask": (ids != 0).long()}


def pipeline(example, parts):
    """A pipeline of models that lie beside it, with another pipeline's tokenizer."""
    from diffusers import DPMSolverMultistepScheduler

    DPMSolverMultistepScheduler().save_pretrained(FOLDER / "scheduler")
    shutil.copytree(Path(example) / "tokenizer", FOLDER / "tokenizer")
    shutil.copy(Path(example) / "model_index.json", FOLDER)
    for name, place in parts.items():
        (FOLDER / name).symlink_to(place, target_is_directory=True)
    return {"latents": torch.randn(1, 4, 32, 32)}


torch.manual_seed(0)
FOLDER.mkdir(parents=True)
make = {"transformer": transformer, "vae": vae, "t5": t5, "pipeline": pipeline}[REQUEST["make"]]
save_file(make(**REQUEST["given"]), FOLDER / "inputs.safetensors")
