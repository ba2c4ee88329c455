"""Diffusers' side of autoencoder-kl.test.ts: makes autoencoders and their results, or loads what we saved."""

import json
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file


def save(path, tensors):
    save_file({key: value.detach().contiguous().clone() for key, value in tensors.items()}, path)


OLD_NAMES = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def save_old(model, folder, convolutions):
    """The same weights as diffusers before 0.18 named them; with convolutions, as Latent Diffusion shaped them."""
    model.save_config(folder)
    weights = {}
    for key, value in model.state_dict().items():
        for present, old in OLD_NAMES.items():
            if f"attentions.0.{present}." in key:
                key = key.replace(present, old)
                value = value[:, :, None, None] if convolutions and value.dim() == 2 else value
        weights[key] = value
    save(folder / "diffusion_pytorch_model.safetensors", weights)


def as_diffusion_has_them(latents, config):
    """The lines of StableDiffusionXLImg2ImgPipeline and StableDiffusion3Img2ImgPipeline."""
    if config.latents_mean is not None:
        mean = torch.tensor(config.latents_mean).view(1, -1, 1, 1)
        std = torch.tensor(config.latents_std).view(1, -1, 1, 1)
        return (latents - mean) * config.scaling_factor / std
    return (latents - (config.shift_factor or 0)) * config.scaling_factor


def extras(model, folder, tiled):
    """What the model gives tile by tile, and in float32 with weights that were float16."""
    images, latents = torch.rand(tiled["images"]) * 2 - 1, torch.randn(tiled["latents"])
    half = AutoencoderKL.from_pretrained(folder, torch_dtype=torch.float16)
    assert half.config.force_upcast
    half.to(torch.float32)
    model.enable_tiling()
    if "overlap" in tiled:
        model.tile_overlap_factor = tiled["overlap"]
    save(
        folder / "tiled.safetensors",
        {
            "images": images,
            "latents": latents,
            "mean": model.encode(images).latent_dist.mean,
            "decoded": model.decode(latents).sample,
            "upcasted": half.decode(latents).sample,
        },
    )


def make(folder, config, images, latents, seed, tiled=None):
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
    save_old(model, folder / "old", convolutions=False)
    save_old(model, folder / "older", convolutions=True)

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
            "scaled": as_diffusion_has_them(posterior.mean, model.config),
            "mean_weight": mean_weight,
            "logvar_weight": logvar_weight,
            "decoded_weight": decoded_weight,
            "images_gradient": images.grad,
            "latents_gradient": latents.grad,
        },
    )
    gradients = {key: parameter.grad for key, parameter in model.named_parameters()}
    save(folder / "gradients.safetensors", gradients)
    if tiled is not None:
        with torch.no_grad():
            extras(model, folder, tiled)


def reload(folder):
    model, loading = AutoencoderKL.from_pretrained(f"{folder}/ours", output_loading_info=True)
    old = AutoencoderKL.from_pretrained(f"{folder}/old").state_dict()
    assert all(torch.equal(value, old[key]) for key, value in model.state_dict().items())
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
