"""Diffusers' side of autoencoder-kl.test.ts: makes models with random weights and their results, or checks ours."""

import json
import sys

import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file


def results(model, images, latents):
    """Moments, reconstruction and every gradient of one weighted sum of both."""
    images.requires_grad_(True)
    latents.requires_grad_(True)
    posterior = model.encode(images).latent_dist
    decoded = model.decode(latents).sample
    weights = torch.Generator().manual_seed(11)
    moments = posterior.parameters
    loss = (moments * torch.randn(moments.shape, generator=weights)).sum()
    loss = loss + (decoded * torch.randn(decoded.shape, generator=weights)).sum()
    loss.backward()
    gradients = {f"grad.{key}": value.grad for key, value in model.named_parameters()}
    return {
        "moments": moments.detach(),
        "mean": posterior.mean.detach(),
        "logvar": posterior.logvar.detach(),
        "sample": posterior.sample(torch.Generator().manual_seed(5)).detach(),
        "kl": posterior.kl().detach(),
        "decoded": decoded.detach(),
        "forward": model(images).sample.detach(),
        "grad.images": images.grad,
        "grad.latents": latents.grad,
        **gradients,
    }


def make(folder, config, image_shape, latent_shape, seed):
    torch.manual_seed(seed)
    model = AutoencoderKL(**config)
    model.save_pretrained(f"{folder}/initial")
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            # Norms begin as the identity, which would hide a forgotten weight or bias.
            if "norm" in key:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(f"{folder}/model")
    images = torch.rand(image_shape) * 2 - 1
    latents = torch.randn(latent_shape)
    inputs = {"images": images.clone(), "latents": latents.clone()}
    outputs = results(model, images, latents)
    save_file({k: v.contiguous() for k, v in {**inputs, **outputs}.items()}, f"{folder}/reference.safetensors")


def check(folder):
    """Loads a folder that we saved and decodes with it."""
    model, info = AutoencoderKL.from_pretrained(f"{folder}/saved", output_loading_info=True)
    reference = load_file(f"{folder}/reference.safetensors")
    with torch.no_grad():
        moments = model.encode(reference["images"]).latent_dist.parameters
        decoded = model.decode(reference["latents"]).sample
    return {
        "missing": sorted(info["missing_keys"]),
        "unexpected": sorted(info["unexpected_keys"]),
        "config": {key: value for key, value in model.config.items() if not key.startswith("_")},
        "equal": torch.equal(moments, reference["moments"]) and torch.equal(decoded, reference["decoded"]),
    }


request = json.load(sys.stdin)
actions = {"make": make, "check": check}
json.dump([actions[request["action"]](**case) for case in request["cases"]], sys.stdout)
