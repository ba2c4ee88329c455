"""What diffusers' PixArtTransformer2DModel computes, for pixart.test.ts.

Reads {"action": ..., ...} as JSON on stdin and leaves JSON on the last line of stdout.
"""

import json
import sys
from pathlib import Path

import torch
from diffusers import PixArtTransformer2DModel, Transformer2DModel
from safetensors.torch import load_file, save_file


def call(model, io):
    added = None
    if "resolution" in io:
        added = {"resolution": io["resolution"], "aspect_ratio": io["aspect_ratio"]}
    return model(
        io["hidden_states"],
        encoder_hidden_states=io["encoder_hidden_states"],
        timestep=io["timestep"],
        encoder_attention_mask=io.get("encoder_attention_mask"),
        added_cond_kwargs=added,
    ).sample


def make(case, folder):
    """Saves a model with random weights, its inputs, output and gradients."""
    torch.manual_seed(case["seed"])
    model = PixArtTransformer2DModel(**case["config"]).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * case["spread"])
    model.save_pretrained(folder)

    batch, height, width, tokens = case["batch"], case["height"], case["width"], case["tokens"]
    config = model.config
    caption_width = config.caption_channels or config.cross_attention_dim
    io = {
        "hidden_states": torch.randn(batch, config.in_channels, height, width),
        "encoder_hidden_states": torch.randn(batch, tokens, caption_width),
        "timestep": torch.randint(0, 1000, (batch,)),
    }
    if case.get("fractional_time"):
        io["timestep"] = torch.rand(batch) * 1000
    if case["mask"] == "tokens":
        lengths = torch.randint(1, tokens + 1, (batch, 1))
        io["encoder_attention_mask"] = (torch.arange(tokens)[None] < lengths).long()
    if case["mask"] == "nothing kept":
        io["encoder_attention_mask"] = torch.zeros(batch, tokens).long()
    if case["mask"] == "bias":
        io["encoder_attention_mask"] = torch.randn(batch, 1, tokens)
    if model.use_additional_conditions:
        io["resolution"] = torch.rand(batch, 2) * 1000
        io["aspect_ratio"] = torch.rand(batch, 1) + 0.5
    output = call(model, io)
    io["output"] = output.detach()
    io["weight"] = torch.randn_like(output)
    (output * io["weight"]).sum().backward()
    save_file(io, folder / "io.safetensors")
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    save_file(gradients, folder / "gradients.safetensors")


def reload(folder, original, config):
    """Loads a folder as each of the two classes does and compares it with the one that it was read from."""
    model, info = PixArtTransformer2DModel.from_pretrained(folder, output_loading_info=True)
    older = Transformer2DModel.from_pretrained(folder)
    io = load_file(Path(original) / "io.safetensors")
    with torch.no_grad():
        errors = [(call(m.eval(), io) - io["output"]).norm() for m in (model, older)]
    weights = PixArtTransformer2DModel.from_pretrained(original).state_dict()
    again = Path(folder) / "again"
    model.save_pretrained(again)
    return {
        "distances": [(error / io["output"].norm()).item() for error in errors],
        "same": all(torch.equal(tensor, weights[key]) for key, tensor in model.state_dict().items()),
        "classes": [type(m).__name__ for m in (model, older)],
        "loading": {name: sorted(map(str, keys)) for name, keys in info.items()},
        "config": json.loads((again / "config.json").read_text()),
        "fresh": json.loads(PixArtTransformer2DModel(**config).to_json_string()),
    }


def keys(config):
    with torch.device("meta"):
        model = PixArtTransformer2DModel(**config)
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
        result = [reload(one["folder"], one["original"], one["config"]) for one in request["models"]]
    else:
        raise ValueError(f"unknown action {action}")
    print()
    json.dump(result, sys.stdout)


main()
