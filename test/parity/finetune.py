"""Pictures of a fine-tuned transformer, or of the base with an adapter of peft on it, by diffusers' pipeline."""

import json
import sys

import numpy as np
import torch
from diffusers import PixArtAlphaPipeline, PixArtTransformer2DModel
from peft import PeftModel

torch.set_num_threads(1)


def picture(base, transformer, adapter, prompt, seed, steps, guidance, size):
    place = (transformer or base, "transformer")
    model = PixArtTransformer2DModel.from_pretrained(place[0], subfolder=place[1])
    model = model.float()
    pipe = PixArtAlphaPipeline.from_pretrained(base, transformer=model, torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    if adapter is not None:
        pipe.transformer = PeftModel.from_pretrained(model, adapter).base_model.model
    image = pipe(
        prompt,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator().manual_seed(seed),
        height=size,
        width=size,
        use_resolution_binning=False,
    ).images[0]
    return np.asarray(image).flatten().tolist()


json.dump([picture(**case) for case in json.load(sys.stdin)], sys.stdout)
