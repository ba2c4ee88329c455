"""The samplers of the paper's code, which no library has, as their formulas say it, in float64."""

import json
import sys

import numpy as np
import torch

T = 1000
BETAS = np.linspace(1e-4, 0.02, T)
ACP = np.cumprod(1 - BETAS)


def x0_of(kind, output, x, acp):
    a, s = np.sqrt(acp), np.sqrt(1 - acp)
    if kind == "epsilon":
        return (x - s * output) / a
    return output if kind == "sample" else a * x - s * output


def iddpm(case):
    """Improved DDPM (arXiv 2102.09672, section 3.1) on a subsequence of the chain (section 4)."""
    n = case["steps"]
    stride, at, kept = (T - 1) / (n - 1), 0.0, []
    while len(kept) < n:
        kept.append(round(at))
        at += stride
    shape = case["shape"]
    generator = torch.Generator().manual_seed(case["seed"])
    x = np.array(case["sample"]).reshape(shape)
    trajectory = []
    for i, output in zip(reversed(range(n)), case["outputs"], strict=False):
        channels = 2 * shape[1] if case["variance"] == "learned_range" else shape[1]
        output = np.array(output).reshape(shape[0], -1, *shape[2:])[:, :channels]
        acp, before = ACP[kept[i]], ACP[kept[i - 1]] if i > 0 else 1.0
        beta = 1 - acp / before
        x0 = x0_of(case["prediction"], output[:, : shape[1]], x, acp)
        # The posterior q(x_prev | x, x0): eq. 10 and 11.
        mean = np.sqrt(before) * beta / (1 - acp) * x0
        mean = mean + np.sqrt(1 - beta) * (1 - before) / (1 - acp) * x
        noise = torch.randn(shape, generator=generator).double().numpy()
        if i > 0:
            upper, lower = np.log(beta), np.log(beta * (1 - before) / (1 - acp))
            if case["variance"] == "learned_range":
                v = (output[:, shape[1] :] + 1) / 2
                log_variance = v * upper + (1 - v) * lower  # eq. 15
            else:
                log_variance = upper if case["variance"] == "fixed_large" else lower
            mean = mean + np.exp(log_variance / 2) * noise
        x = mean
        trajectory.append(x.flatten().tolist())
    return {"timesteps": kept[::-1], "trajectory": trajectory}


def dpm_solver(case):
    """DPM-Solver++ (arXiv 2211.01095, algorithm 2 and eq. 4.1) over a schedule that is linear in log alpha between its points."""
    n, order, shape = case["steps"], case["order"], case["shape"]
    log_alphas = 0.5 * np.log(ACP)
    knots = np.arange(1, T + 1) / T
    times = np.linspace(1, 1 / T, n + 1)
    log_alpha = np.interp(times, knots, log_alphas)
    alpha = np.exp(log_alpha)
    sigma = np.sqrt(1 - alpha**2)
    lam = log_alpha - np.log(sigma)
    x = np.array(case["sample"]).reshape(shape)
    x0s, trajectory = [], []
    for i, output in zip(range(n), case["outputs"], strict=False):
        x0s.insert(0, x0_of(case["prediction"], np.array(output).reshape(shape), x, alpha[i] ** 2))
        h = lam[i + 1] - lam[i]
        phi1 = np.expm1(-h)
        phi2 = phi1 / h + 1
        phi3 = phi2 / h - 0.5
        p = min(order, i + 1, n - i if n < 10 else order)
        step = sigma[i + 1] / sigma[i] * x - alpha[i + 1] * phi1 * x0s[0]
        if p > 1:
            r0 = (lam[i] - lam[i - 1]) / h
            d0 = (x0s[0] - x0s[1]) / r0
        if p == 2:
            step = step - 0.5 * alpha[i + 1] * phi1 * d0
        if p == 3:
            r1 = (lam[i - 1] - lam[i - 2]) / h
            d1 = (x0s[1] - x0s[2]) / r1
            first = d0 + r0 / (r0 + r1) * (d0 - d1)
            second = (d0 - d1) / (r0 + r1)
            step = step + alpha[i + 1] * (phi2 * first - phi3 * second)
        x = step
        trajectory.append(x.flatten().tolist())
    return {"timesteps": ((times[:-1] - 1 / T) * T).tolist(), "trajectory": trajectory}


request = json.load(sys.stdin)
json.dump(
    {
        "iddpm": [iddpm(case) for case in request["iddpm"]],
        "dpmSolver": [dpm_solver(case) for case in request["dpmSolver"]],
    },
    sys.stdout,
)
