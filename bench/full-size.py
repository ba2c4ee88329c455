"""The Python side of full-size.ts: makes models of the released sizes with random weights, and measures diffusers and transformers.

Reads {"action": ..., ...} as JSON on stdin and leaves JSON on the last line of stdout.
"""

import json
import re
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

REQUEST = json.load(sys.stdin)
torch.set_num_threads(REQUEST["threads"])
FOLDER = Path(REQUEST["folder"])
IO = FOLDER / "io.safetensors"

T5 = {
    "vocab_size": 32128,
    "d_model": 4096,
    "d_kv": 64,
    "d_ff": 10240,
    "num_layers": 24,
    "num_decoder_layers": 24,
    "num_heads": 64,
    "feed_forward_proj": "gated-gelu",
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "layer_norm_epsilon": 1e-6,
    "tie_word_embeddings": False,
}

XL = {
    "num_layers": 28,
    "attention_head_dim": 72,
    "num_attention_heads": 16,
    "cross_attention_dim": 1152,
    "caption_channels": 4096,
    "in_channels": 4,
    "out_channels": 8,
    "patch_size": 2,
}

VAE = {
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "block_out_channels": [128, 256, 512, 512],
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": 512,
}

PADDED = 120  # diffusers' length of a caption
TOKENS = 17  # those of a prompt of 12 English words: 16 pieces and the end mark


def empty_model(build, dtype):
    """A model whose parameters are not yet drawn: its usual start would draw them twice, in one thread."""
    with torch.device("meta"):
        model = build()
    return model.to(dtype).to_empty(device="cpu").eval()


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


def make_t5(layers, dtype):
    from transformers import T5Config, T5EncoderModel

    config = T5Config(**{**T5, "num_layers": layers, "num_decoder_layers": layers})
    model = empty_model(lambda: T5EncoderModel(config), getattr(torch, dtype))
    model.tie_weights()
    draw_t5(model)
    model.save_pretrained(FOLDER, max_shard_size="5GB")
    ids = torch.zeros(1, PADDED, dtype=torch.int64)
    ids[0, :TOKENS] = torch.randint(3, 32000, (TOKENS,))
    ids[0, TOKENS - 1] = 1
    save_file({"ids": ids, "mask": (ids != 0).long()}, IO)


def make_transformer(size):
    from diffusers import PixArtTransformer2DModel

    config = {**XL, "sample_size": size, "use_additional_conditions": size == 128}
    PixArtTransformer2DModel(**config).save_pretrained(FOLDER)
    side = size * 8.0
    save_file(
        {
            "latents": torch.randn(1, 4, size, size),
            "caption": torch.randn(1, PADDED, 4096),
            "mask": (torch.arange(PADDED)[None] < TOKENS).long(),
            "timestep": torch.tensor([500]),
            "resolution": torch.tensor([[side, side]]),
            "aspect_ratio": torch.tensor([[1.0]]),
        },
        IO,
    )


def make_vae():
    from diffusers import AutoencoderKL

    AutoencoderKL(**VAE).save_pretrained(FOLDER)
    save_file({"latents": torch.randn(1, 4, 64, 64)}, IO)


def status(field):
    text = Path("/proc/self/status").read_text()
    return int(re.search(rf"^{field}:\s+(\d+) kB", text, re.M)[1]) * 1024


def measured(load, run, rounds, output):
    start = time.perf_counter()
    model = load()
    loaded = time.perf_counter() - start
    seconds = []
    with torch.no_grad():
        for _ in range(rounds):
            start = time.perf_counter()
            result = run(model)
            seconds.append(time.perf_counter() - start)
    save_file({"output": result.contiguous()}, output)
    return {"load": loaded, "first": seconds[0], "run": min(seconds), "peak": status("VmHWM")}


def run_t5(dtype, rounds, output):
    from transformers import T5EncoderModel

    io = load_file(IO)
    return measured(
        lambda: T5EncoderModel.from_pretrained(FOLDER, dtype=getattr(torch, dtype)).eval(),
        lambda model: model(io["ids"], attention_mask=io["mask"]).last_hidden_state,
        rounds,
        output,
    )


def run_transformer(dtype, rounds, output):
    from diffusers import PixArtTransformer2DModel

    wanted = getattr(torch, dtype)
    io = load_file(IO)

    def run(model):
        added = {"resolution": None, "aspect_ratio": None}
        if model.use_additional_conditions:
            added = {key: io[key].to(wanted) for key in added}
        return model(
            io["latents"].to(wanted),
            encoder_hidden_states=io["caption"].to(wanted),
            timestep=io["timestep"],
            encoder_attention_mask=io["mask"],
            added_cond_kwargs=added,
        ).sample

    return measured(
        lambda: PixArtTransformer2DModel.from_pretrained(FOLDER, torch_dtype=wanted).eval(),
        run,
        rounds,
        output,
    )


def run_vae(dtype, rounds, output):
    from diffusers import AutoencoderKL

    wanted = getattr(torch, dtype)
    latents = load_file(IO)["latents"].to(wanted)
    return measured(
        lambda: AutoencoderKL.from_pretrained(FOLDER, torch_dtype=wanted).eval(),
        lambda model: model.decode(latents).sample,
        rounds,
        output,
    )


def versions():
    import diffusers
    import transformers

    return {
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
    }


ACTIONS = {
    "make t5": make_t5,
    "make transformer": make_transformer,
    "make vae": make_vae,
    "t5": run_t5,
    "transformer": run_transformer,
    "vae": run_vae,
    "versions": versions,
}

torch.manual_seed(0)
print(json.dumps(ACTIONS[REQUEST["action"]](**REQUEST.get("given", {}))))
