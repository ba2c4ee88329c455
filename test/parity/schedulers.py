"""Runs diffusers' schedulers on the inputs of schedulers.test.ts."""

import inspect
import json
import sys
import warnings

import diffusers
import torch
from diffusers import DPMSolverMultistepScheduler

warnings.filterwarnings("ignore")
diffusers.utils.logging.set_verbosity_error()


def generator_of(seeds):
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return generators if len(generators) > 1 else generators[0]


def sample(case):
    scheduler = getattr(diffusers, case["kind"]).from_config(case["config"])
    if "timesteps" in case:
        scheduler.set_timesteps(timesteps=case["timesteps"])
    else:
        scheduler.set_timesteps(case["steps"])
    shape = case["shape"]
    known = {"generator": generator_of(case["seeds"]), "eta": case.get("eta", 0.0)}
    accepted = inspect.signature(scheduler.step).parameters
    options = {name: value for name, value in known.items() if name in accepted}
    sigma = float(scheduler.init_noise_sigma)
    x = torch.tensor(case["sample"], dtype=torch.float32).reshape(shape) * sigma
    start = x.flatten().tolist()
    trajectory, inputs, originals = [], [], []
    for t, output in zip(scheduler.timesteps, case["outputs"], strict=False):
        prediction = torch.tensor(output, dtype=torch.float32).reshape(shape)
        inputs.append(scheduler.scale_model_input(x, t).flatten().tolist())
        result = scheduler.step(prediction, t, x, **options)
        x = result.prev_sample
        trajectory.append(x.flatten().tolist())
        original = result.get("pred_original_sample", result.get("denoised"))
        if not torch.isfinite(x).all():
            raise ValueError(f"not finite at {t}: {case['kind']}, {case['name']}")
        originals.append(None if original is None else original.flatten().tolist())
    return {
        "timesteps": scheduler.timesteps.tolist(),
        "sigmas": scheduler.sigmas.tolist() if hasattr(scheduler, "sigmas") else None,
        "initNoiseSigma": sigma,
        "start": start,
        "inputs": inputs,
        "trajectory": trajectory,
        "originals": originals,
    }


def noise_table():
    scheduler = DPMSolverMultistepScheduler()
    return {
        "betas": scheduler.betas.tolist(),
        "alphas_cumprod": scheduler.alphas_cumprod.tolist(),
    }


def add_noise(request, kind):
    scheduler = getattr(diffusers, kind)()
    scheduler.set_timesteps(request["steps"])
    original = torch.tensor(request["original"], dtype=torch.float32)
    noise = torch.tensor(request["noise"], dtype=torch.float32)
    timesteps = scheduler.timesteps[request["indices"]]
    return scheduler.add_noise(original, noise, timesteps).flatten().tolist()


def reload(folder, kind):
    """Reads a saved folder and writes the configuration back, so both directions can be compared."""
    scheduler = getattr(diffusers, kind).from_pretrained(folder)
    scheduler.save_pretrained(folder + "/python")
    return {key: repr(value) for key, value in scheduler.config.items()}


request = json.load(sys.stdin)
json.dump(
    {
        "cases": [sample(case) for case in request["cases"]],
        "table": noise_table(),
        "noisy": {kind: add_noise(request["addNoise"], kind) for kind in request["kinds"]},
        "configs": {
            kind: reload(f"{request['folder']}/{kind}", kind) for kind in request["kinds"]
        },
    },
    sys.stdout,
)
