"""Runs diffusers' DPMSolverMultistepScheduler on the inputs of schedulers.test.ts."""

import json
import sys
import warnings

import torch
from diffusers import DPMSolverMultistepScheduler

warnings.filterwarnings("ignore")


def sample(case):
    scheduler = DPMSolverMultistepScheduler.from_config(case["config"])
    scheduler.set_timesteps(case["steps"])
    shape = case["shape"]
    x = torch.tensor(case["sample"], dtype=torch.float32).reshape(shape)
    trajectory = []
    for t, output in zip(scheduler.timesteps, case["outputs"], strict=False):
        prediction = torch.tensor(output, dtype=torch.float32).reshape(shape)
        x = scheduler.step(prediction, t, x).prev_sample
        trajectory.append(x.flatten().tolist())
    return {
        "timesteps": scheduler.timesteps.tolist(),
        "sigmas": scheduler.sigmas.tolist(),
        "trajectory": trajectory,
    }


def noise_table():
    scheduler = DPMSolverMultistepScheduler()
    return {
        "betas": scheduler.betas.tolist(),
        "alphas_cumprod": scheduler.alphas_cumprod.tolist(),
    }


def add_noise(request):
    scheduler = DPMSolverMultistepScheduler()
    scheduler.set_timesteps(request["steps"])
    original = torch.tensor(request["original"], dtype=torch.float32)
    noise = torch.tensor(request["noise"], dtype=torch.float32)
    timesteps = torch.tensor(request["timesteps"])
    return scheduler.add_noise(original, noise, timesteps).tolist()


def reload(folder):
    """Reads a saved folder and writes the configuration back, so both directions can be compared."""
    scheduler = DPMSolverMultistepScheduler.from_pretrained(folder)
    scheduler.save_pretrained(folder + "/python")
    return {key: repr(value) for key, value in scheduler.config.items()}


request = json.load(sys.stdin)
json.dump(
    {
        "cases": [sample(case) for case in request["cases"]],
        "table": noise_table(),
        "noisy": add_noise(request["addNoise"]),
        "config": reload(request["folder"]),
    },
    sys.stdout,
)
