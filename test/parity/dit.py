"""What diffusers' DiTTransformer2DModel computes, for dit.test.ts.

Reads {"action": ..., ...} as JSON on stdin and leaves JSON on the last line of stdout.
"""

import json
import sys
from pathlib import Path

import torch
from diffusers import DiTTransformer2DModel
from safetensors.torch import load_file, save_file


def call(model, io):
    return model(io["hidden_states"], timestep=io["timestep"], class_labels=io["class_labels"]).sample


def as_original(model):
    """facebookresearch/DiT's function: its frequencies, its epsilon."""
    for block in model.transformer_blocks:
        block.norm1.emb.time_proj.downscale_freq_shift = 0
        block.norm3.eps = 1e-6
    return model


def make(case, folder):
    """Saves a model with random weights, its inputs, output and gradients."""
    torch.manual_seed(case["seed"])
    model = DiTTransformer2DModel(**case["config"]).eval()
    if case["original"]:
        as_original(model)
    shared = model.transformer_blocks[0].norm1.emb.state_dict()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        for block in model.transformer_blocks[1:]:
            block.norm1.emb.load_state_dict(shared)
    model.save_pretrained(folder)

    batch, config = case["batch"], model.config
    size = case["size"]
    io = {
        "hidden_states": torch.randn(batch, config.in_channels, size, size),
        "timestep": torch.randint(0, 1000, (batch,)),
        "class_labels": torch.randint(0, config.num_embeds_ada_norm + 1, (batch,)),
    }
    output = call(model, io)
    io["output"] = output.detach()
    io["weight"] = torch.randn_like(output)
    (output * io["weight"]).sum().backward()
    save_file(io, folder / "io.safetensors")
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    save_file(gradients, folder / "gradients.safetensors")


def reload(folder, original, is_original):
    """Loads a folder and compares it with the one that it was read from."""
    model, info = DiTTransformer2DModel.from_pretrained(folder, output_loading_info=True)
    weights = DiTTransformer2DModel.from_pretrained(original).state_dict()
    same = all(torch.equal(tensor, weights[key]) for key, tensor in model.state_dict().items())
    if is_original:
        as_original(model)
    io = load_file(Path(original) / "io.safetensors")
    with torch.no_grad():
        error = (call(model.eval(), io) - io["output"]).norm()
    again = Path(folder) / "again"
    model.save_pretrained(again)
    return {
        "distance": (error / io["output"].norm()).item(),
        "same": same,
        "loading": {name: sorted(map(str, keys)) for name, keys in info.items()},
        "config": json.loads((again / "config.json").read_text()),
    }


def keys(config):
    with torch.device("meta"):
        model = DiTTransformer2DModel(**config)
    return {name: list(tensor.shape) for name, tensor in model.state_dict().items()}


def main():
    request = json.load(sys.stdin)
    action = request["action"]
    result = None
    if action == "make":
        for case in request["cases"]:
            make(case, Path(request["folder"]) / case["name"])
        result = keys(request["released"])
    elif action == "reload":
        result = [reload(one["folder"], one["original"], one["is_original"]) for one in request["models"]]
    else:
        raise ValueError(f"unknown action {action}")
    print()
    json.dump(result, sys.stdout)


main()
