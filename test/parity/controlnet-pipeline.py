"""Draws with control pictures by diffusers' parts, for controlnet-pipeline.test.ts.

The loop is that of the pipeline in diffusers' examples/research_projects/pixart, with three choices of the paper's
app_controlnet.py: pictures keep their proportions, both halves of the guidance have one condition, and that is drawn
from the picture's own generator. JSON on stdin and stdout.
"""

import json
import sys
from pathlib import Path

import torch
from controlnet import Control
from diffusers import PixArtAlphaPipeline
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from safetensors.torch import load_file


def load(folder):
    folder = Path(folder)
    pipeline = PixArtAlphaPipeline.from_pretrained(folder)
    saved = json.loads((folder / "controlnet" / "config.json").read_text())
    config = pipeline.transformer.config
    heads, head_dim = config.num_attention_heads, config.attention_head_dim
    control = Control(saved["num_layers"], heads, head_dim, config.cross_attention_dim)
    control.load_state_dict(load_file(folder / "controlnet" / "diffusion_pytorch_model.safetensors"))
    return pipeline, control


def fitted(picture, width, height):
    """Resized until it covers the size, the middle cut out: (3, height, width) in [-1, 1]."""
    shape = (picture["height"], picture["width"], 3)
    image = Image.fromarray(torch.tensor(picture["data"], dtype=torch.uint8).reshape(shape).numpy())
    scale = max(width / image.width, height / image.height)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.LANCZOS)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    image = image.crop((left, top, left + width, top + height))
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return pixels.reshape(height, width, 3).permute(2, 0, 1) / 255 * 2 - 1


def condition(vae, pictures, rows, per_prompt, generator):
    moments = vae.encode(torch.stack(pictures)).latent_dist
    times = rows if len(pictures) == 1 else per_prompt
    mean, std = (part.repeat_interleave(times, 0) for part in (moments.mean, moments.std))
    if isinstance(generator, list):
        noise = randn_tensor(mean.shape, generator=generator)
    else:
        noise = randn_tensor(moments.mean.shape, generator=generator).repeat_interleave(times, 0)
    return (mean + std * noise - vae.config.shift_factor) * vae.config.scaling_factor


def draw(pipeline, control, call):
    vae, transformer, scheduler = pipeline.vae, pipeline.transformer, pipeline.scheduler
    per_prompt, scale = call["numImagesPerPrompt"], call["guidanceScale"]
    width, height = call["drawnAt"]
    generator = [torch.Generator().manual_seed(seed) for seed in call["seeds"]]
    generator = generator if len(generator) > 1 else generator[0]
    states, mask, away, away_mask = pipeline.encode_prompt(
        call["prompt"],
        scale > 1,
        negative_prompt=call["negativePrompt"],
        num_images_per_prompt=per_prompt,
        device="cpu",
        max_sequence_length=call["maxSequenceLength"],
    )
    halves = 2 if scale > 1 else 1
    if scale > 1:
        states, mask = torch.cat([away, states]), torch.cat([away_mask, mask])
    rows = len(call["prompt"]) * per_prompt
    factor = pipeline.vae_scale_factor
    scheduler.set_timesteps(call["numInferenceSteps"])
    latents = randn_tensor((rows, 4, height // factor, width // factor), generator=generator)
    latents = latents * scheduler.init_noise_sigma
    hooks = []
    if "control" in call:
        pictures = [fitted(picture, width, height) for picture in call["control"]]
        led = condition(vae, pictures, rows, per_prompt, generator)
        hooks = control.attach(transformer)
    sizes = {"resolution": None, "aspect_ratio": None}
    if transformer.use_additional_conditions:
        sizes["resolution"] = torch.tensor([[height, width]]).repeat(rows * halves, 1).float()
        sizes["aspect_ratio"] = torch.tensor([[height / width]]).repeat(rows * halves, 1)
    for t in scheduler.timesteps:
        if hooks:
            control.tokens = transformer.pos_embed(torch.cat([led] * halves))
        output = transformer(
            scheduler.scale_model_input(torch.cat([latents] * halves), t),
            encoder_hidden_states=states,
            encoder_attention_mask=mask,
            timestep=t[None].expand(rows * halves),
            added_cond_kwargs=sizes,
        ).sample
        if scale > 1:
            negative, positive = output.chunk(2)
            output = negative + scale * (positive - negative)
        latents = scheduler.step(output.chunk(2, dim=1)[0], t, latents).prev_sample
    for hook in hooks:
        hook.remove()
    pictures = vae.decode(latents / vae.config.scaling_factor + vae.config.shift_factor).sample
    pictures = pipeline.image_processor.resize_and_crop_tensor(pictures, call["width"], call["height"])
    return {"shape": list(pictures.shape), "pictures": (pictures / 2 + 0.5).clamp(0, 1).flatten().tolist()}


def answer(request):
    models = load(request["folder"])
    return [draw(*models, call) for call in request["calls"]]


with torch.no_grad():
    json.dump([answer(request) for request in json.load(sys.stdin)], sys.stdout)
