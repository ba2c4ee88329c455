"""PEFT's side of adapters.test.ts: makes adapters and their results, and loads what we saved.

Reads the models, their inputs and the cases as JSON on stdin; leaves JSON on the last line of stdout.
"""

import json
import sys
import warnings
from pathlib import Path

import torch
from diffusers import PixArtTransformer2DModel
from diffusers.loaders import SD3LoraLoaderMixin, StableDiffusionLoraLoaderMixin
from diffusers.training_utils import _collate_lora_metadata
from diffusers.utils import convert_state_dict_to_diffusers, convert_state_dict_to_kohya
from peft import (
    LoHaConfig,
    LoKrConfig,
    LoraConfig,
    OFTConfig,
    PeftConfig,
    PeftModel,
    get_peft_model,
    get_peft_model_state_dict,
)
from safetensors.torch import load_file, save_file
from transformers import T5EncoderModel

CONFIGS = {"LORA": LoraConfig, "LOHA": LoHaConfig, "LOKR": LoKrConfig, "OFT": OFTConfig}


def fresh(base):
    kind = PixArtTransformer2DModel if base.name == "pixart" else T5EncoderModel
    return kind.from_pretrained(base).eval()


def call(model, base):
    io = load_file(base / "io.safetensors")
    if base.name == "t5":
        return model(input_ids=io["ids"]).last_hidden_state
    added = {"resolution": io["resolution"], "aspect_ratio": io["aspect_ratio"]}
    return model(
        io["hidden_states"],
        encoder_hidden_states=io["encoder_hidden_states"],
        timestep=io["timestep"],
        added_cond_kwargs=added,
    ).sample


def file_key(name):
    name = name.replace(".default", "").replace(".modules_to_save", "")
    return name.removesuffix(".weight") if "magnitude" in name else name


def make(case, base):
    """An adapter with random weights: its files, outputs and gradients."""
    folder = Path(case["theirs"])
    torch.manual_seed(case["seed"])
    model = get_peft_model(fresh(base), CONFIGS[case["type"]](**case["config"]))
    initial = {file_key(n): p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    model.eval()
    output = call(model, base)
    (output * load_file(base / "io.safetensors")["weight"]).sum().backward()
    gradients = {file_key(n): p.grad for n, p in model.named_parameters() if p.requires_grad}
    model.save_pretrained(folder)
    if case["files"]:
        save_single_files(model, folder)
    model.merge_adapter()
    with torch.no_grad():
        merged = call(model, base)
    save_file({"unmerged": output.detach(), "merged": merged}, folder / "outputs.safetensors")
    save_file(gradients, folder / "gradients.safetensors")
    save_file(initial, folder / "initial.safetensors")


def save_single_files(model, folder):
    """The same LoRA as one file, as each of diffusers' functions for it writes it."""
    state = get_peft_model_state_dict(model)
    # What PixArt-alpha's train_pixart_lora_hf.py calls.
    StableDiffusionLoraLoaderMixin.save_lora_weights(folder / "script", unet_lora_layers=state)
    inner = model.base_model.model
    inner.peft_config = model.peft_config
    SD3LoraLoaderMixin.save_lora_weights(
        folder / "metadata",
        transformer_lora_layers=get_peft_model_state_dict(inner),
        **_collate_lora_metadata({"transformer": inner}),
    )
    save_file(convert_state_dict_to_diffusers(state), folder / "older.safetensors")
    bare = {f"unet.{key.removeprefix('base_model.model.')}": value for key, value in state.items()}
    save_file(convert_state_dict_to_kohya(bare), folder / "kohya.safetensors")


def load(case, base):
    """What PEFT makes of an adapter that we saved."""
    folder = Path(case["ours"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(fresh(base), folder).eval()
    with torch.no_grad():
        save_file({"output": call(model, base)}, folder / "output.safetensors")
    messages = {str(w.message) for w in caught if "peft" in w.filename}
    return {
        "warnings": sorted(m for m in messages if not m.startswith("Invalid `oft_block_size`")),
        "config": as_read(folder),
        "expected": as_read(case["theirs"]),
    }


def as_read(folder):
    """A configuration as PEFT reads it; the base model's path is no part of what is compared."""
    config = PeftConfig.from_pretrained(folder).to_dict()
    config.pop("base_model_name_or_path")
    return {key: sorted(v) if isinstance(v, set) else v for key, v in config.items()}


def loaded(request, base):
    """An adapter that PEFT made, and what it computes when it is loaded again."""
    folder = Path(request["folder"])
    torch.manual_seed(0)
    model = get_peft_model(fresh(base), CONFIGS[request["type"]](**request["config"]))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if any(part in name for part in ("lora_", "oft_", "modules_to_save", "bias")):
                parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    again = PeftModel.from_pretrained(fresh(base), folder).eval()
    with torch.no_grad():
        save_file({"output": call(again, base)}, folder / "output.safetensors")


def together(request, base):
    """Two adapters at once, the second at half its scale."""
    first, second = request["adapters"]
    model = PeftModel.from_pretrained(fresh(base), first)
    model.load_adapter(second, adapter_name="second")
    model.base_model.set_adapter(["default", "second"])
    for module in model.modules():
        if hasattr(module, "set_scale"):
            module.set_scale("second", 0.5)
    with torch.no_grad():
        save_file({"output": call(model.eval(), base)}, request["output"])


def main():
    request = json.load(sys.stdin)
    results = []
    for case in request["cases"]:
        base = Path(case["base"])
        make(case, base)
        results.append(load(case, base))
    for one in request["loaded"]:
        loaded(one, Path(one["base"]))
    for one in request["together"]:
        together(one, Path(one["base"]))
    print()
    json.dump(results, sys.stdout)


main()
