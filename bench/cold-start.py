"""Draws a picture with diffusers as a script would that does no more: cold-start.py FOLDER PROMPT STEPS FILE."""

import sys

import torch
from diffusers import PixArtAlphaPipeline

folder, prompt, steps, file = sys.argv[1:]
pipe = PixArtAlphaPipeline.from_pretrained(folder, dtype=torch.float32)
pipe(prompt, num_inference_steps=int(steps), use_resolution_binning=False).images[0].save(file)
