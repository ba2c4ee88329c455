"""Draws prompts with a published folder, as a user of diffusers would. JSON in, JSON out; pixels as lists of integers."""

import json
import sys

import torch
from diffusers import PixArtAlphaPipeline

request = json.load(sys.stdin)
pipe = PixArtAlphaPipeline.from_pretrained(request["folder"], torch_dtype=torch.float32)
pipe.set_progress_bar_config(disable=True)
pictures = []
for prompt, seed in zip(request["prompts"], request["seeds"]):
    result = pipe(
        prompt,
        num_inference_steps=request["steps"],
        guidance_scale=request["guidanceScale"],
        generator=torch.Generator("cpu").manual_seed(seed),
        use_resolution_binning=False,
        clean_caption=False,
    )
    image = result.images[0]
    pictures.append({"size": list(image.size), "pixels": list(image.convert("RGB").tobytes())})
json.dump(pictures, sys.stdout)
