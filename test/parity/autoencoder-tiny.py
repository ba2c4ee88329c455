"""Diffusers' side of autoencoder-tiny.test.ts: runs what TypeScript saved, and saves models of its own."""

import json
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from safetensors.torch import save_file


def run(folder, seed, images, latents):
    folder = Path(folder)
    model, loading = AutoencoderTiny.from_pretrained(folder, output_loading_info=True)
    torch.manual_seed(seed)
    AutoencoderTiny.from_config(model.config).save_pretrained(folder / "initial")

    images = (torch.rand(images) * 2 - 1).requires_grad_()
    latents = (torch.randn(latents) * 3).requires_grad_()
    encoded, decoded = model.encode(images).latents, model.decode(latents).sample
    encoded_weight, decoded_weight = torch.randn_like(encoded), torch.randn_like(decoded)
    ((encoded * encoded_weight).sum() + (decoded * decoded_weight).sum()).backward()
    scaled = model.scale_latents(latents)
    tensors = {
        "images": images,
        "latents": latents,
        "encoded": encoded,
        "decoded": decoded,
        "scaled": scaled,
        "unscaled": model.unscale_latents(scaled),
        "reconstructed": model(images).sample,
        "encoded_weight": encoded_weight,
        "decoded_weight": decoded_weight,
        "images_gradient": images.grad,
        "latents_gradient": latents.grad,
    }
    tensors = {key: value.detach().contiguous().clone() for key, value in tensors.items()}
    save_file(tensors, folder / "io.safetensors")
    gradients = {key: parameter.grad for key, parameter in model.named_parameters()}
    save_file(gradients, folder / "gradients.safetensors")
    return {
        "loading": {key: list(value) for key, value in loading.items()},
        "config": {key: value for key, value in model.config.items() if key[0] != "_"},
    }


cases = json.load(sys.stdin)
answer = [run(**case) for case in cases]
released = AutoencoderTiny()
print()
json.dump(
    {
        "cases": answer,
        "shapes": {key: list(value.shape) for key, value in released.state_dict().items()},
    },
    sys.stdout,
)
