"""Transformers' side of clip-score.test.ts: prepared pictures, and the scores of a small CLIP with tokenizer and preprocessor."""

import base64
import json
import sys

import numpy as np
import torch
from PIL import Image
from tokenizers import pre_tokenizers
from transformers import AutoTokenizer, CLIPConfig, CLIPModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil


def image(width, height, pixels):
    return Image.frombytes("RGB", (width, height), base64.b64decode(pixels))


def prepared(folder, settings, pictures):
    """Of each picture the size, and all numbers as bytes of float32."""
    CLIPImageProcessorPil(**settings).save_pretrained(folder)
    processor = CLIPImageProcessorPil.from_pretrained(folder)
    arrays = (processor(image(**one), return_tensors="np").pixel_values[0] for one in pictures)
    return [
        {"shape": array.shape, "numbers": base64.b64encode(array.astype(np.float32).tobytes()).decode()}
        for array in arrays
    ]


def scores(folder, config, settings, pictures, prompts):
    """As torchmetrics computes `CLIPScore`, picture by picture."""
    torch.manual_seed(11)
    letters = pre_tokenizers.ByteLevel.alphabet()
    tokens = [*sorted(letters), *(letter + "</w>" for letter in sorted(letters)), "<|startoftext|>", "<|endoftext|>"]
    CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=[]).save_pretrained(folder)
    CLIPImageProcessorPil(**settings).save_pretrained(folder)
    config["text_config"] |= {"vocab_size": len(tokens), "bos_token_id": len(tokens) - 2, "eos_token_id": len(tokens) - 1}
    model = CLIPModel(CLIPConfig(**config)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(folder)

    tokenizer, processor = AutoTokenizer.from_pretrained(folder), CLIPImageProcessorPil.from_pretrained(folder)
    length = model.config.text_config.max_position_embeddings
    texts = tokenizer(prompts, padding=True, truncation=True, max_length=length, return_tensors="pt")
    pixels = torch.cat([processor(image(**one), return_tensors="pt").pixel_values for one in pictures])
    with torch.no_grad():
        read = model.get_text_features(**texts).pooler_output
        seen = model.get_image_features(pixels).pooler_output
    read, seen = (rows / rows.norm(p=2, dim=-1, keepdim=True) for rows in (read, seen))
    return (100 * (seen * read).sum(dim=-1)).tolist()


request = json.load(sys.stdin)
actions = {"prepared": prepared, "scores": scores}
json.dump([actions[case.pop("action")](**case) for case in request], sys.stdout)
