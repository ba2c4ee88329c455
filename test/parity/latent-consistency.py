"""Latent consistency distillation in float64, from the formulas of the papers and the names of PixArt-alpha's script."""

import json
import sys

import numpy as np
import torch

ACP = torch.cumprod(1 - torch.from_numpy(np.linspace(1e-4, 0.02, 1000)), 0)


def run(original, noise, indices, shape, weights, guidance, steps, huber_c):
    x0, noise = (torch.tensor(v, dtype=torch.float64).reshape(shape) for v in (original, noise))
    student = torch.tensor(weights["student"], dtype=torch.float64, requires_grad=True)
    predict = lambda w, x, t: torch.tanh(w * x) * (1 + t.reshape(-1, 1, 1, 1) / 1000)
    index = torch.tensor(indices)
    start = (index + 1) * (1000 // steps) - 1
    end = torch.clamp(start - 1000 // steps, min=0)
    col = lambda v: v.reshape(-1, 1, 1, 1)
    scalings = lambda t: (0.25 / ((10.0 * t) ** 2 + 0.25), 10.0 * t / ((10.0 * t) ** 2 + 0.25) ** 0.5)

    def origin(x, eps, t):
        return (x - col((1 - ACP[t]).sqrt()) * eps) / col(ACP[t].sqrt())

    z = col(ACP[start].sqrt()) * x0 + col((1 - ACP[start]).sqrt()) * noise
    skip, out = (col(v) for v in scalings(start.double()))
    prediction = skip * z + out * origin(z, predict(student, z, start), start)
    with torch.no_grad():
        cond, uncond = predict(weights["conditional"], z, start), predict(weights["unconditional"], z, start)
        c0, u0 = origin(z, cond, start), origin(z, uncond, start)
        pred_x0, pred_eps = c0 + guidance * (c0 - u0), cond + guidance * (cond - uncond)
        # the solver's table: the first timestep's level, then those of its steps but the last
        table = torch.cat([ACP[:1], ACP[torch.arange(1, steps) * (1000 // steps) - 1]])
        level = col(table[index])
        previous = level.sqrt() * pred_x0 + (1 - level).sqrt() * pred_eps
        skip, out = (col(v) for v in scalings(end.double()))
        target = skip * previous + out * origin(previous, predict(weights["target"], previous, end), end)
    losses = (((prediction - target) ** 2 + huber_c**2).sqrt() - huber_c).flatten(1).mean(1)
    losses.sum().backward()
    return {"loss": losses.tolist(), "gradient": student.grad.item()}


json.dump([run(**case) for case in json.load(sys.stdin)], sys.stdout)
