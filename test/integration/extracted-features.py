"""Encodes a data set as PixArt's tools/extract_features.py does, with diffusers, transformers and numpy.

In: folders of the encoders and of the pictures, items (picture, names of its files, captions), tokens of padded captions.
Out: how many files of each kind were written. Captions as PixArt-alpha keeps them (float32, int64 mask), dense captions as
PixArt-sigma does (float16, int16 mask), latents as mean and deviation in one float32 array.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from transformers import AutoTokenizer, T5EncoderModel

request = json.load(sys.stdin)
encoders = Path(request["encoders"])
torch.set_num_threads(1)
tokenizer = AutoTokenizer.from_pretrained(encoders / "tokenizer")
text_encoder = T5EncoderModel.from_pretrained(encoders / "text_encoder").eval()
vae = AutoencoderKL.from_pretrained(encoders / "vae").eval()


def states(caption):
    tokens = tokenizer(
        caption.lower().strip(),
        max_length=request["maxLength"],
        padding="max_length",
        truncation=True,
        return_tensors="pt",
    )
    hidden = text_encoder(tokens.input_ids, attention_mask=tokens.attention_mask)
    return hidden.last_hidden_state, tokens.attention_mask


def save(path, caption, dtype, mask_dtype):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden, mask = states(caption)
    np.savez_compressed(
        path,
        caption_feature=hidden.to(dtype).numpy(),
        attention_mask=mask.to(mask_dtype).numpy(),
    )


with torch.no_grad():
    for item in request["items"]:
        save(item["caption"], item["prompt"], torch.float32, torch.int64)
        save(item["dense"], item["sharegpt4v"], torch.float16, torch.int16)
        pixels = np.asarray(Image.open(item["picture"]).convert("RGB"), dtype=np.float32)
        image = torch.from_numpy(pixels / 255).sub(0.5).div(0.5).permute(2, 0, 1)[None]
        posterior = vae.encode(image).latent_dist
        Path(item["latent"]).parent.mkdir(parents=True, exist_ok=True)
        moments = torch.cat([posterior.mean, posterior.std], dim=1)
        np.save(item["latent"], moments.numpy().squeeze())

json.dump(len(request["items"]), sys.stdout)
