"""Noise and timesteps of training by their definitions, from the same seeds and the same uniform numbers.

Offset and pyramid noise: for one sample, with torch.Generator and torch.nn.Upsample. Timesteps: the weight of every
timestep is written down, and a uniform number is looked up in their sum; cubic and DDIM by their formulas.
"""

import json
import sys

import numpy as np
import torch


def pyramid(shape, seed, discount, random_multiplier):
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(shape, generator=generator)
    channels, height, width = shape
    upsample = torch.nn.Upsample(size=(height, width), mode="bilinear")
    for i in range(16):
        r = torch.rand(1, generator=generator).item() * 2 + 2 if random_multiplier else 2
        height, width = max(1, int(height / r**i)), max(1, int(width / r**i))
        level = torch.randn(1, channels, height, width, generator=generator)
        noise += upsample(level)[0] * discount**i
        if height == 1 or width == 1:
            break
    return noise / noise.std()


def offset(shape, seed, weight):
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(shape, generator=generator)
    return noise + weight * torch.randn(shape[0], 1, 1, generator=generator)


def timesteps(config, uniforms):
    u = np.array(uniforms, dtype=np.float64)
    if config["type"] == "cubic":
        return np.clip(((1 - u**3) * 1000).astype(np.int64), 0, 999)
    weights = np.ones(1000)
    n = int(config.get("biasPortion", 0) * 1000)
    chosen = {
        "later": slice(1000 - n, None),
        "earlier": slice(0, n),
        "range": slice(int(config.get("biasBegin", 0) * 1000), int(config.get("biasEnd", 0) * 1000)),
    }[config["type"]]
    weights[chosen] *= config["biasMultiplier"]
    return np.searchsorted(np.cumsum(weights / weights.sum()), u, side="right")


request = json.load(sys.stdin)
answer = {
    "noise": [
        (
            pyramid(c["shape"], int(c["seed"]), c["discount"], c["randomMultiplier"])
            if c["type"] == "pyramid"
            else offset(c["shape"], int(c["seed"]), c["weight"])
        ).tolist()
        for c in request["noise"]
    ],
    "timesteps": [timesteps(c, request["uniforms"]).tolist() for c in request["timesteps"]],
}
json.dump(answer, sys.stdout)
