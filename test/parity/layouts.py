"""Checkpoints in the layouts of PixArt's and DiT's own code, and what diffusers computes with the same weights, for layouts.test.ts.

The renaming here is written from the state dicts of the published code, independently of the tables under test.
Reads {"action": ..., ...} as JSON on stdin and leaves JSON on the last line of stdout.
"""

import argparse
import hashlib
import json
import sys
from collections import OrderedDict
from pathlib import Path

import torch
from diffusers import DiTTransformer2DModel, PixArtTransformer2DModel
from diffusers.models.attention import FeedForward
from safetensors.torch import load_file, save_file


def linear(out, state, there, here):
    for part in ("weight", "bias"):
        out[f"{there}.{part}"] = state.pop(f"{here}.{part}")


def fused(out, state, there, *here):
    for part in ("weight", "bias"):
        out[f"{there}.{part}"] = torch.cat([state.pop(f"{one}.{part}") for one in here])


def original_block(out, state, there, here):
    out[f"{there}.scale_shift_table"] = state.pop(f"{here}.scale_shift_table")
    fused(out, state, f"{there}.attn.qkv", *(f"{here}.attn1.to_{x}" for x in "qkv"))
    linear(out, state, f"{there}.attn.proj", f"{here}.attn1.to_out.0")
    linear(out, state, f"{there}.cross_attn.q_linear", f"{here}.attn2.to_q")
    fused(out, state, f"{there}.cross_attn.kv_linear", f"{here}.attn2.to_k", f"{here}.attn2.to_v")
    linear(out, state, f"{there}.cross_attn.proj", f"{here}.attn2.to_out.0")
    linear(out, state, f"{there}.mlp.fc1", f"{here}.ff.net.0.proj")
    linear(out, state, f"{there}.mlp.fc2", f"{here}.ff.net.2")


def original_pixart(model, tokens, positions=True):
    """The state dict of PixArt's own class."""
    state, out = model.state_dict(), OrderedDict()
    if positions:
        out["pos_embed"] = model.pos_embed.pos_embed.clone()
    linear(out, state, "x_embedder.proj", "pos_embed.proj")
    embedder = "adaln_single.emb"
    names = {"t": "timestep"}
    if model.use_additional_conditions:
        names |= {"csize": "resolution", "ar": "aspect_ratio"}
    for there, here in names.items():
        linear(out, state, f"{there}_embedder.mlp.0", f"{embedder}.{here}_embedder.linear_1")
        linear(out, state, f"{there}_embedder.mlp.2", f"{embedder}.{here}_embedder.linear_2")
    linear(out, state, "t_block.1", "adaln_single.linear")
    if tokens:
        out["y_embedder.y_embedding"] = torch.randn(tokens, model.config.caption_channels)
    linear(out, state, "y_embedder.y_proj.fc1", "caption_projection.linear_1")
    linear(out, state, "y_embedder.y_proj.fc2", "caption_projection.linear_2")
    for i in range(model.config.num_layers):
        original_block(out, state, f"blocks.{i}", f"transformer_blocks.{i}")
    linear(out, state, "final_layer.linear", "proj_out")
    out["final_layer.scale_shift_table"] = state.pop("scale_shift_table")
    assert not state, list(state)
    return out


def original_dit(model):
    """The state dict of facebookresearch/DiT's class."""
    state, out = model.state_dict(), OrderedDict()
    out["pos_embed"] = model.pos_embed.pos_embed.clone()
    linear(out, state, "x_embedder.proj", "pos_embed.proj")
    for i in range(model.config.num_layers):
        here, there = f"transformer_blocks.{i}", f"blocks.{i}"
        embedder = f"{here}.norm1.emb"
        linear(out, state, "t_embedder.mlp.0", f"{embedder}.timestep_embedder.linear_1")
        linear(out, state, "t_embedder.mlp.2", f"{embedder}.timestep_embedder.linear_2")
        out["y_embedder.embedding_table.weight"] = state.pop(f"{embedder}.class_embedder.embedding_table.weight")
        linear(out, state, f"{there}.adaLN_modulation.1", f"{here}.norm1.linear")
        fused(out, state, f"{there}.attn.qkv", *(f"{here}.attn1.to_{x}" for x in "qkv"))
        linear(out, state, f"{there}.attn.proj", f"{here}.attn1.to_out.0")
        linear(out, state, f"{there}.mlp.fc1", f"{here}.ff.net.0.proj")
        linear(out, state, f"{there}.mlp.fc2", f"{here}.ff.net.2")
    linear(out, state, "final_layer.adaLN_modulation.1", "proj_out_1")
    linear(out, state, "final_layer.linear", "proj_out_2")
    assert not state, list(state)
    return out


def shake(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def training_state(model):
    """What α's training script puts beside the weights."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    sum(parameter.sum() for parameter in model.parameters()).backward()
    optimizer.step()
    optimizer.zero_grad()
    return {"optimizer": optimizer.state_dict(), "scheduler": schedule.state_dict(), "epoch": 3}


def change_mlp(block, case):
    """Another width inside the MLP, which neither of diffusers' classes has a field for."""
    if "mlpRatio" in case:
        width = block.ff.net[2].out_features
        block.ff = FeedForward(width, inner_dim=int(width * case["mlpRatio"]), activation_fn="gelu-approximate")


def make_pixart(case, folder):
    torch.manual_seed(case["seed"])
    model = PixArtTransformer2DModel(**case["config"])
    for block in model.transformer_blocks:
        change_mlp(block, case)
    shake(model)
    training = training_state(model) if case["training"] else {}
    model.save_pretrained(folder / "diffusers")
    state = original_pixart(model, case["tokens"], case["positions"])
    # Averaging leaves what never changes as it is.
    averaged = OrderedDict((key, tensor * (1 if key == "pos_embed" else 0.5)) for key, tensor in state.items())
    averaged = {"state_dict_ema": averaged}
    torch.save({"state_dict": state, **(averaged if case["training"] else {}), **training}, folder / "original.pth")
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "original.safetensors")
    io = {
        "hidden_states": torch.randn(2, 4, 8, 8),
        "timestep": torch.tensor([999, 3]),
        "caption": torch.randn(2, 5, case["config"]["caption_channels"]),
        "mask": torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]),
        "resolution": torch.tensor([[512.0, 384.0], [256.0, 256.0]]),
        "aspect_ratio": torch.tensor([[0.75], [1.0]]),
    }
    with torch.no_grad():
        io["output"] = model(
            io["hidden_states"],
            encoder_hidden_states=io["caption"],
            timestep=io["timestep"],
            added_cond_kwargs={"resolution": io["resolution"], "aspect_ratio": io["aspect_ratio"]},
            encoder_attention_mask=io["mask"],
        ).sample
    save_file(io, folder / "io.safetensors")


def make_dit(case, folder):
    torch.manual_seed(case["seed"])
    model = DiTTransformer2DModel(**case["config"])
    for block in model.transformer_blocks:
        change_mlp(block, case)
        if case.get("noNullClass"):
            # As LabelEmbedding has it where dropout_prob is 0.
            table = block.norm1.emb.class_embedder.embedding_table
            block.norm1.emb.class_embedder.embedding_table = torch.nn.Embedding(10, table.embedding_dim)
    shake(model)
    shared = model.transformer_blocks[0].norm1.emb.state_dict()
    for block in model.transformer_blocks:
        block.norm1.emb.load_state_dict(shared)
        block.norm1.emb.time_proj.downscale_freq_shift = 0
        block.norm3.eps = 1e-6
    model.save_pretrained(folder / "diffusers")
    state = original_dit(model)
    torch.save(state, folder / "original.pt")
    # As train.py does.
    checkpoint = {"model": {key: tensor * 2 for key, tensor in state.items()}, "ema": state, "opt": {}}
    torch.save({**checkpoint, "args": argparse.Namespace(lr=1e-4, image_size=256)}, folder / "train.pt")
    io = {
        "hidden_states": torch.randn(2, 4, 8, 8),
        "timestep": torch.tensor([999, 3]),
        "class_labels": torch.tensor([1, 9 if case.get("noNullClass") else 10]),
    }
    with torch.no_grad():
        io["output"] = model(io["hidden_states"], timestep=io["timestep"], class_labels=io["class_labels"]).sample
    save_file(io, folder / "io.safetensors")


def make_control(folder):
    """A δ ControlNet and the adapter that diffusers' research example would hold."""
    base = PixArtTransformer2DModel(**TINY)
    adapter, out = {}, OrderedDict()
    for key, tensor in original_pixart(base, 5).items():
        out[f"base_model.{key}"] = tensor
    for j in range(2):
        block = PixArtTransformer2DModel(**TINY).transformer_blocks[0].state_dict()
        here = f"controlnet_blocks.{j}"
        adapter |= {f"{here}.transformer_block.{key}": tensor for key, tensor in block.items()}
        for name in ["before_proj"] * (j == 0) + ["after_proj"]:
            for part, shape in (("weight", (24, 24)), ("bias", (24,))):
                adapter[f"{here}.{name}.{part}"] = torch.randn(shape)
                out[f"controlnet.{j}.{name}.{part}"] = adapter[f"{here}.{name}.{part}"]
        original_block(out, {f"x.{k}": v for k, v in block.items()}, f"controlnet.{j}.copied_block", "x")
    torch.save({"state_dict": out}, folder / "control.pth")
    save_file(adapter, folder / "adapter.safetensors")


TINY = {
    "sample_size": 8, "num_layers": 2, "attention_head_dim": 8, "num_attention_heads": 3, "caption_channels": 16,
    "cross_attention_dim": 24, "use_additional_conditions": False,
}  # fmt: skip


def make_odd(folder):
    """Tensors of every element type and shape of view."""
    torch.manual_seed(0)
    grid = torch.arange(60).reshape(3, 4, 5).float()
    odd = {
        "transposed": grid.transpose(0, 2),
        "slice": grid[1:, ::2, 1:4],
        "column": grid[:, :, 2],
        "shared": grid,
        "flipped axes": grid.permute(2, 0, 1)[1:],
        "channels last": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.randn(3)),
        "bool": torch.tensor([True, False, True]),
        "ü🦊": torch.randn(2),
    }
    for dtype in ("float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8"):
        odd[dtype] = torch.randn(2, 5).mul(20).abs().to(getattr(torch, dtype))
    torch.save(odd, folder / "odd.pth")
    torch.save({"state_dict": odd}, folder / "odd4.pth", pickle_protocol=4)
    torch.save(odd, folder / "old.pth", _use_new_zipfile_serialization=False)
    everything = torch.arange(256, dtype=torch.uint8)
    packed = {
        "e4m3": everything.clone().view(torch.float8_e4m3fn),
        "e5m2": everything.view(torch.float8_e5m2),
        "uint16": torch.arange(0, 65536, 257).to(torch.uint16),
        "uint32": torch.tensor([0, 1, 2**31, 2**32 - 1], dtype=torch.uint32),
        "uint64": torch.tensor([0, 1, 2**40, 2**63 - 1], dtype=torch.uint64),
    }
    wide = {"uint16": torch.int32, "uint32": torch.int64, "uint64": torch.int64}
    save_file(packed, folder / "packed.safetensors")
    save_file({key: tensor.to(wide.get(key, torch.float32)) for key, tensor in packed.items()}, folder / "wide.safetensors")
    save_file({"large": torch.tensor([2**63], dtype=torch.uint64)}, folder / "too-large.safetensors")
    torch.save({"state_dict_ema": odd}, folder / "only_ema.pth")
    save_file({key: tensor.detach().clone(memory_format=torch.contiguous_format) for key, tensor in odd.items()}, folder / "odd.safetensors")


def make_folders(folder):
    """Model folders with pickled weights."""
    torch.manual_seed(1)
    model = shake(PixArtTransformer2DModel(**TINY))
    model.save_pretrained(folder / "bin", safe_serialization=False)
    model.save_pretrained(folder / "bin", safe_serialization=False, variant="fp16", max_shard_size=20_000)
    model.save_pretrained(folder / "shards", safe_serialization=False, max_shard_size=20_000)
    model.save_pretrained(folder / "both", safe_serialization=False)
    model.save_pretrained(folder / "both", safe_serialization=True)
    torch.save(OrderedDict(broken=torch.zeros(1)), folder / "both" / "diffusion_pytorch_model.bin")
    save_file(model.state_dict(), folder / "expected.safetensors")
    torch.save(OrderedDict(w=torch.ones(2)), folder / "bin" / "pytorch_model.bin")


def released_keys():
    """Shapes of α 1024-MS in both layouts."""
    with torch.device("meta"):
        model = PixArtTransformer2DModel(caption_channels=4096)
        return {key: list(tensor.shape) for key, tensor in original_pixart(model, 120).items()}


def digest(tensor):
    return hashlib.sha256(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()).hexdigest()


def digests(state):
    return {key: [str(tensor.dtype)[6:], list(tensor.shape), digest(tensor)] for key, tensor in state.items()}


def read(path):
    """What Python's readers, at their strictest, find in what was written."""
    path = Path(path)
    if path.is_dir():
        config = json.loads((path / "config.json").read_text())
        kind = DiTTransformer2DModel if config["_class_name"].startswith("DiT") else PixArtTransformer2DModel
        model, info = kind.from_pretrained(path, output_loading_info=True)
        assert not any(info.values()), info
        return digests(model.state_dict())
    if path.suffix == ".safetensors":
        return digests(load_file(path))
    state = torch.load(path, weights_only=True)
    return digests(state.get("state_dict", state))


def main():
    request = json.load(sys.stdin)
    result = None
    if request["action"] == "make":
        folder = Path(request["folder"])
        for case in request["cases"]:
            (folder / case["name"]).mkdir()
            (make_dit if case["name"].startswith("dit") else make_pixart)(case, folder / case["name"])
        make_control(folder)
        make_odd(folder)
        make_folders(folder)
        result = released_keys()
    else:
        result = {path: read(path) for path in request["paths"]}
    print()
    json.dump(result, sys.stdout)


main()
