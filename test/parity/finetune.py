"""Pictures and a prompt's states of a fine-tuned transformer, or of the base with adapters of peft, by diffusers' pipeline."""

import json
import sys
from pathlib import Path

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
        if (Path(adapter) / "text_encoder").exists():
            pipe.text_encoder = PeftModel.from_pretrained(pipe.text_encoder, Path(adapter) / "text_encoder")
    image = pipe(
        prompt,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator().manual_seed(seed),
        height=size,
        width=size,
        use_resolution_binning=False,
    ).images[0]
    tokens = pipe.tokenizer(prompt, return_tensors="pt")
    with torch.no_grad():
        states = pipe.text_encoder(**tokens)[0]
    return {"picture": np.asarray(image).flatten().tolist(), "states": states.flatten().tolist()}


json.dump([picture(**case) for case in json.load(sys.stdin)], sys.stdout)
