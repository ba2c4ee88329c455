"""PixArt's training losses from the papers' formulas, in float64, with gradients by PyTorch.

The posterior is the product of the two Gaussians that define it and the divergence is
torch.distributions' own, so that nothing here repeats the arithmetic that it checks.
"""

import json
import math
import sys

import numpy as np
import torch
from torch.distributions import Normal, kl_divergence

BETA = torch.from_numpy(np.linspace(1e-4, 0.02, 1000, dtype=np.float64))
ALPHA_BAR = torch.cumprod(1 - BETA, 0)


def mixed(x0, noise, t):
    """A sample of q(x_t | x_0)."""
    return ALPHA_BAR[t].sqrt() * x0 + (1 - ALPHA_BAR[t]).sqrt() * noise


def posterior(x0, xt, t):
    """Mean and variance of q(x_{t-1} | x_t, x_0)."""
    if t == 0:
        return x0, torch.zeros((), dtype=torch.float64)
    step_precision = (1 - BETA[t]) / BETA[t]
    prior_precision = 1 / (1 - ALPHA_BAR[t - 1])
    variance = 1 / (step_precision + prior_precision)
    pull = (1 - BETA[t]).sqrt() / BETA[t] * xt
    prior = ALPHA_BAR[t - 1].sqrt() * prior_precision * x0
    return variance * (pull + prior), variance


def tanh_cdf(z):
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))


def decoder_nats(x, mean, deviation):
    """-log of the mass on [x - 1/255, x + 1/255]; the end bins reach to infinity."""
    total = torch.empty_like(x)
    for index in np.ndindex(*x.shape):
        upper = tanh_cdf((x[index] - mean[index] + 1 / 255) / deviation[index])
        lower = tanh_cdf((x[index] - mean[index] - 1 / 255) / deviation[index])
        if x[index] < -0.999:
            lower = torch.zeros_like(lower)
        elif x[index] > 0.999:
            upper = torch.ones_like(upper)
        total[index] = -torch.log(torch.clamp(upper - lower, min=1e-12))
    return total


def bound_bits(x0, xt, t, epsilon, v):
    """Nichol and Dhariwal 2021: eq. 15 for the variance, the terms of L_vlb for the loss."""
    _, smallest = posterior(x0, xt, max(t, 1))
    log_variance = (v + 1) / 2 * BETA[t].log() + (1 - v) / 2 * smallest.log()
    guess = (xt - (1 - ALPHA_BAR[t]).sqrt() * epsilon) / ALPHA_BAR[t].sqrt()
    model_mean, _ = posterior(guess, xt, t)
    deviation = (log_variance / 2).exp()
    if t == 0:
        nats = decoder_nats(x0, model_mean, deviation)
    else:
        true_mean, true_variance = posterior(x0, xt, t)
        truth = Normal(true_mean, true_variance.sqrt().expand_as(true_mean))
        nats = kl_divergence(truth, Normal(model_mean, deviation))
    return nats.mean() / math.log(2)


def loss_of(case, x0, noise, output, t):
    channels = x0.shape[0]
    xt = mixed(x0, noise, t)
    target = noise
    if case["prediction"] == "v_prediction":
        target = ALPHA_BAR[t].sqrt() * noise - (1 - ALPHA_BAR[t]).sqrt() * x0
    error = output[:channels] - target
    mse = (error**2).mean()
    total = mse
    delta = case["delta"]
    if delta is not None:
        straight = delta * (error.abs() - delta / 2)
        total = torch.where(error.abs() <= delta, error**2 / 2, straight).mean()
    ratio = ALPHA_BAR[t] / (1 - ALPHA_BAR[t]) + (case["prediction"] == "v_prediction")
    if case["debiased"]:
        total = total / ratio.sqrt()
    if case["gamma"] is not None:
        total = total * min(float(ratio), case["gamma"]) / ratio
    if not case["bound"]:
        return total, {} if delta is not None else {"mse": mse}
    bits = bound_bits(x0, xt, t, output[:channels].detach(), output[channels:])
    return total + bits, {"mse": mse, "vb": bits}


def noised(batch):
    """The noisy samples of a batch of `original`, `noise` and `timesteps`, each mixed in float64."""
    rows = zip(batch["original"].double(), batch["noise"].double(), batch["timesteps"].tolist())
    return torch.stack([mixed(*row) for row in rows]).float()


def mean_loss(case, batch, output):
    """The mean of the samples' losses in float64, for the model's output on `noised(batch)`."""
    x0, noise = batch["original"].double(), batch["noise"].double()
    rows = zip(x0, noise, output.double(), batch["timesteps"].tolist())
    return torch.stack([loss_of(case, *row)[0] for row in rows]).mean()


def run(case):
    shape = case["shape"]

    def rows(name, channels):
        flat = torch.tensor(case[name], dtype=torch.float64)
        return flat.reshape([shape[0], channels, *shape[2:]])

    x0, noise = rows("original", shape[1]), rows("noise", shape[1])
    output = rows("modelOutput", 2 * shape[1]).requires_grad_()
    losses, parts = [], []
    for row, t in enumerate(case["timesteps"]):
        loss, part = loss_of(case, x0[row], noise[row], output[row], t)
        losses.append(loss)
        parts.append({name: value.item() for name, value in part.items()})
    torch.stack(losses).sum().backward()
    return {
        "loss": [loss.item() for loss in losses],
        "parts": parts,
        "gradient": output.grad.flatten(1).tolist(),
    }


if __name__ == "__main__":
    json.dump([run(case) for case in json.load(sys.stdin)], sys.stdout)
