"""Twenty steps of each optimizer on gradients drawn from a seed.

AdamW, Adafactor and Muon are torch's own. CAME, Lion and Prodigy are the papers' formulas in float64: Luo et al. 2023
(arXiv 2307.02047, algorithm 2), Chen et al. 2023 (arXiv 2302.06675, algorithm 2) and Mishchenko and Defazio 2023
(arXiv 2306.06101, algorithm 4, with the running averages of the authors' package in place of sums).
"""

import json
import math
import sys

import numpy as np
import torch


def root_mean_square(x):
    return np.sqrt(np.mean(x * x))


class Came:
    def __init__(self, p, o):
        self.o, self.m = o, np.zeros_like(p)
        self.v, self.u = self.zeros(p), self.zeros(p)

    @staticmethod
    def zeros(p):
        if p.ndim < 2:
            return [np.zeros_like(p)]
        return [np.zeros(p.shape[:-1]), np.zeros(p.shape[:-2] + p.shape[-1:])]

    @staticmethod
    def follow(running, square, beta):
        axes = [-1, -2] if len(running) == 2 else [None]
        for i, axis in enumerate(axes):
            now = square if axis is None else square.mean(axis)
            running[i] = beta * running[i] + (1 - beta) * now

    @staticmethod
    def whole(running):
        if len(running) == 1:
            return running[0]
        rows, columns = running
        outer = rows[..., :, None] * columns[..., None, :]
        return outer / rows.mean(-1)[..., None, None]

    def step(self, p, g, lr, decay):
        beta1, beta2, beta3 = self.o["betas"]
        self.follow(self.v, g * g + self.o["eps"][0], beta2)
        update = g / np.sqrt(self.whole(self.v))
        update = update / max(1, root_mean_square(update) / self.o["clipThreshold"])
        self.m = beta1 * self.m + (1 - beta1) * update
        if p.ndim < 2:
            return p - lr * decay * p - lr * self.m
        self.follow(self.u, (update - self.m) ** 2 + self.o["eps"][1], beta3)
        return p - lr * decay * p - lr * self.m / np.sqrt(self.whole(self.u))


class Lion:
    def __init__(self, p, o):
        self.o, self.m = o, np.zeros_like(p)

    def step(self, p, g, lr, decay):
        beta1, beta2 = self.o["betas"]
        direction = np.sign(beta1 * self.m + (1 - beta1) * g)
        self.m = beta2 * self.m + (1 - beta2) * g
        return p - lr * (direction + decay * p)


class Prodigy:
    """All parameters at once: D belongs to the whole."""

    def __init__(self, parameters, o):
        self.o = o
        self.d = self.d_max = o["d0"]
        self.k, self.r = 0, 0.0
        self.start = {k: p.copy() for k, p in parameters.items()}
        self.m, self.v, self.s = ({k: np.zeros_like(p) for k, p in parameters.items()} for _ in range(3))

    def step(self, parameters, gradients, lr):
        o = self.o
        beta1, beta2 = o["betas"]
        beta3 = math.sqrt(beta2) if o["beta3"] is None else o["beta3"]
        self.k += 1
        rate = self.d * lr
        if o["biasCorrection"]:
            rate *= math.sqrt(1 - beta2**self.k) / (1 - beta1**self.k)
        scale = self.d / o["d0"]
        self.r *= beta3
        size = 0.0
        for k, g in gradients.items():
            self.r += scale * rate * np.sum(g * (self.start[k] - parameters[k]))
            self.m[k] = beta1 * self.m[k] + (1 - beta1) * self.d * g
            self.v[k] = beta2 * self.v[k] + (1 - beta2) * self.d**2 * g * g
            self.s[k] = beta3 * self.s[k] + scale * (self.d if o["safeguardWarmup"] else rate) * g
            size += np.abs(self.s[k]).sum()
        found = o["dCoef"] * self.r / size
        if self.d == o["d0"]:
            self.d = max(self.d, found)
        self.d_max = max(self.d_max, found)
        growth = math.inf if o["growthRate"] is None else o["growthRate"]
        self.d = min(self.d_max, self.d * growth)
        for k in gradients:
            p = parameters[k]
            p = p - o["weightDecay"] * rate * p
            parameters[k] = p - rate * self.m[k] / (np.sqrt(self.v[k]) + self.d * o["eps"])


def torch_groups(names, case, parameters):
    second = case["second"]
    main = [parameters[k] for k in names if k not in second["names"]]
    other = [parameters[k] for k in names if k in second["names"]]
    return [{"params": main}, {"params": other, "weight_decay": second["weightDecay"]}]


def torch_optimizers(case, parameters):
    """Torch's optimizers; each is given the rate of its groups at every step."""
    o, names = case["options"], list(parameters)
    if case["type"] == "adamw":
        common = {"betas": o["betas"], "eps": o["eps"], "weight_decay": o["weightDecay"], "fused": True}
        return [torch.optim.AdamW(torch_groups(names, case, parameters), **common)]
    if case["type"] == "adafactor":
        return [
            torch.optim.Adafactor(
                torch_groups(names, case, parameters),
                beta2_decay=o["beta2Decay"],
                eps=tuple(o["eps"]),
                d=o["clipThreshold"],
                weight_decay=o["weightDecay"],
                foreach=False,
            )
        ]
    matrices = [k for k in names if k in case["matrices"]]
    rest = [k for k in names if k not in case["matrices"]]
    muon = torch.optim.Muon(
        torch_groups(matrices, case, parameters),
        weight_decay=o["weightDecay"],
        momentum=o["momentum"],
        nesterov=o["nesterov"],
        ns_steps=o["nsSteps"],
        adjust_lr_fn=o["adjustLr"].replace("-", "_"),
    )
    common = {"betas": o["betas"], "eps": o["eps"], "weight_decay": o["weightDecay"], "fused": True}
    return [muon, torch.optim.AdamW(torch_groups(rest, case, parameters), **common)]


def run(case, shapes):
    generator = torch.Generator().manual_seed(1)
    drawn = {k: torch.randn(shape, generator=generator) for k, shape in shapes.items()}
    second = case["second"]
    if case["type"] in ("adamw", "adafactor", "muon"):
        parameters = {k: torch.nn.Parameter(p) for k, p in drawn.items()}
        optimizers = torch_optimizers(case, parameters)

        def step(gradients, lr):
            for k, p in parameters.items():
                p.grad = gradients.get(k)
            for optimizer in optimizers:
                optimizer.param_groups[0]["lr"] = lr
                optimizer.param_groups[1]["lr"] = lr * second["lrScale"]
                optimizer.step()

    else:
        parameters = {k: p.double().numpy() for k, p in drawn.items()}
        o = case["options"]
        if case["type"] == "prodigy":
            prodigy = Prodigy(parameters, o)
        else:
            kind = {"came": Came, "lion": Lion}[case["type"]]
            states = {k: kind(p, o) for k, p in parameters.items()}

        def step(gradients, lr):
            gradients = {k: g.double().numpy() for k, g in gradients.items()}
            if case["type"] == "prodigy":
                return prodigy.step(parameters, gradients, lr)
            for k, g in gradients.items():
                other = k in second["names"]
                rate = lr * (second["lrScale"] if other else 1)
                decay = second["weightDecay"] if other else o["weightDecay"]
                parameters[k] = states[k].step(parameters[k], g, rate, decay)

    for n, lr in enumerate(case["rates"]):
        gradients = {k: torch.randn(shape, generator=generator) for k, shape in shapes.items()}
        if n % 5 == 4:
            del gradients["block.bias"]
        if case["follows"]:  # gradients that lead somewhere, or Prodigy's D would stay where it is
            for k, g in gradients.items():
                g.mul_(0.1).add_(drawn[k].sign())
        step(gradients, lr)
    answer = {"parameters": {k: p.tolist() for k, p in parameters.items()}}
    if case["type"] == "prodigy":
        answer["d"] = prodigy.d
    return answer


request = json.load(sys.stdin)
json.dump([run(case, request["shapes"]) for case in request["cases"]], sys.stdout)
