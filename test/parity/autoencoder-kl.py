"""Diffusers' side of autoencoder-kl.test.ts: makes autoencoders and their results, or loads what we saved."""

import json
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file


def save(path, tensors):
    save_file({key: value.detach().contiguous().clone() for key, value in tensors.items()}, path)


def make(folder, config, images, latents, seed):
    folder = Path(folder)
    torch.manual_seed(seed)
    model = AutoencoderKL(**config).eval()
    model.save_pretrained(folder / "initial")
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            # Norms begin as the identity, which would hide one that is left out.
            if "norm" in key:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(folder)

    images = (torch.rand(images) * 2 - 1).requires_grad_()
    latents = torch.randn(latents).requires_grad_()
    posterior = model.encode(images).latent_dist
    decoded = model.decode(latents).sample
    mean_weight, logvar_weight = torch.randn_like(posterior.mean), torch.randn_like(posterior.mean)
    decoded_weight = torch.randn_like(decoded)
    loss = (posterior.mean * mean_weight).sum() + (posterior.logvar * logvar_weight).sum()
    (loss + (decoded * decoded_weight).sum()).backward()
    save(
        folder / "io.safetensors",
        {
            "images": images,
            "latents": latents,
            "mean": posterior.mean,
            "logvar": posterior.logvar,
            "sample": posterior.sample(torch.Generator().manual_seed(5)),
            "kl": posterior.kl(),
            "decoded": decoded,
            "reconstructed": model(images).sample,
            "mean_weight": mean_weight,
            "logvar_weight": logvar_weight,
            "decoded_weight": decoded_weight,
            "images_gradient": images.grad,
            "latents_gradient": latents.grad,
        },
    )
    gradients = {key: parameter.grad for key, parameter in model.named_parameters()}
    save(folder / "gradients.safetensors", gradients)


def reload(folder):
    model, loading = AutoencoderKL.from_pretrained(f"{folder}/ours", output_loading_info=True)
    io = load_file(f"{folder}/io.safetensors")
    with torch.no_grad():
        mean = model.encode(io["images"]).latent_dist.mean
        decoded = model.decode(io["latents"]).sample
    return {
        "distances": [(mean - io["mean"]).norm().item(), (decoded - io["decoded"]).norm().item()],
        "loading": {key: list(value) for key, value in loading.items()},
        "config": {key: value for key, value in model.config.items() if key[0] != "_"},
    }


request = json.load(sys.stdin)
actions = {"make": make, "reload": reload}
json.dump([actions[request["action"]](**case) for case in request["cases"]], sys.stdout)
