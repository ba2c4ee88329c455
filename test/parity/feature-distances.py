"""Distances of two sets of features: Fréchet's by scipy's matrix square root, the kernel's by NumPy."""

import json
import sys

import numpy as np
import torch
from scipy import linalg


def frechet(a, b):
    """By the definition: the square root of the product of the covariances."""
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(first @ second)
    apart = a.mean(axis=0) - b.mean(axis=0)
    return float(apart @ apart + np.trace(first + second) - 2 * np.trace(root).real)


def singular(a, b):
    """The same for covariances of a low rank: the trace is the nuclear norm of the product of the centred rows."""
    first, second = ((rows - rows.mean(axis=0)) / (len(rows) - 1) ** 0.5 for rows in (a, b))
    apart = a.mean(axis=0) - b.mean(axis=0)
    crossed = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    return float(apart @ apart + (first**2).sum() + (second**2).sum() - 2 * crossed)


def kernel(a, b, size, seeds):
    """Pair by pair, on subsets that generators with these seeds draw."""
    k = lambda x, y: (x @ y / len(x) + 1) ** 3
    found = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(int(seed))
        x, y = (rows[torch.randperm(len(rows), generator=generator)[:size].numpy()] for rows in (a, b))
        pairs = [(i, j) for i in range(size) for j in range(size)]
        within = sum(k(x[i], x[j]) + k(y[i], y[j]) for i, j in pairs if i != j) / (size * (size - 1))
        found.append(within - 2 * sum(k(x[i], y[j]) for i, j in pairs) / size**2)
    return {"distance": float(np.mean(found)), "std": float(np.std(found))}


request = json.load(sys.stdin)
actions = {"frechet": frechet, "singular": singular, "kernel": kernel}
answers = []
for case in request:
    action = actions[case.pop("action")]
    a, b = (np.array(case.pop(name)) for name in ("generated", "references"))
    answers.append(action(a, b, **case))
json.dump(answers, sys.stdout)
