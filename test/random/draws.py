"""Draws of torch.Generator: for every request the numbers in row-major order."""

import json
import sys

import torch


def draw(request, generator):
    shape, kind = request["shape"], request["kind"]
    dtype = getattr(torch, request["dtype"])
    if kind == "randn":
        return torch.randn(shape, generator=generator, dtype=dtype)
    if kind == "rand":
        return torch.rand(shape, generator=generator, dtype=dtype)
    if kind == "randint":
        return torch.randint(-7, 1000, shape, generator=generator)
    if kind == "randperm":
        return torch.randperm(torch.Size(shape).numel(), generator=generator)
    if kind == "normal_":
        return torch.empty(shape, dtype=dtype).normal_(0.5, 2, generator=generator)
    if kind == "uniform_":
        return torch.empty(shape, dtype=dtype).uniform_(-1, 3, generator=generator)
    raise ValueError(kind)


def numbers(tensor):
    return tensor.flatten().to(torch.int64 if not tensor.is_floating_point() else torch.float64).tolist()


answers = []
for series in json.load(sys.stdin):
    seed = int(series["seed"])
    if series["default"]:
        torch.manual_seed(seed)
    generator = None if series["default"] else torch.Generator().manual_seed(seed)
    answers.append([numbers(draw(request, generator)) for request in series["requests"]])
json.dump(answers, sys.stdout)
