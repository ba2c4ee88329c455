"""Runs diffusers' schedulers on the inputs of schedulers.test.ts."""

import inspect
import json
import sys
import warnings

import diffusers
import numpy as np
import scipy.stats
import torch
from diffusers import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_utils import KarrasDiffusionSchedulers

warnings.filterwarnings("ignore")
diffusers.utils.logging.set_verbosity_error()


def generator_of(seeds):
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return generators if len(generators) > 1 else generators[0]


def plan(scheduler, case):
    if "timesteps" in case:
        scheduler.set_timesteps(timesteps=case["timesteps"])
    elif "sigmas" in case:
        scheduler.set_timesteps(sigmas=np.array(case["sigmas"]))
    else:
        scheduler.set_timesteps(case["steps"])


def sample(case):
    scheduler = getattr(diffusers, case["kind"]).from_config(case["config"])
    plan(scheduler, case)
    rows, _, *rest = case["shape"]
    dtype = getattr(torch, case.get("dtype", "float32"))

    def tensor(values):
        return torch.tensor(values, dtype=torch.float32).reshape(rows, -1, *rest)

    known = {"generator": generator_of(case["seeds"]), "eta": case.get("eta")}
    accepted = inspect.signature(scheduler.step).parameters
    options = {
        name: value for name, value in known.items() if name in accepted and value is not None
    }
    sigma = float(scheduler.init_noise_sigma)
    x = (tensor(case["sample"]) * sigma).to(dtype)
    start = x.flatten().tolist()
    trajectory, inputs, originals = [], [], []
    # As image-to-image pipelines say it, where a class has it.
    begun = None
    if "begin" in case and hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(case["begin"])
        first = scheduler.timesteps[case["begin"] : case["begin"] + 1].repeat(rows)
        noise = tensor(case["outputs"][0])
        begun = scheduler.add_noise(tensor(case["sample"]), noise, first).flatten().tolist()
    timesteps = scheduler.timesteps[case.get("begin", 0) :]
    for t, output in zip(timesteps, case["outputs"], strict=False):
        prediction = tensor(output).to(dtype)
        inputs.append(scheduler.scale_model_input(x, t).flatten().tolist())
        try:
            result = scheduler.step(prediction, t, x, **options)
        except Exception as error:
            raise ValueError(f"{case['kind']}, {case['name']}, {case['steps']}") from error
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
        "begun": begun,
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


def known_fields():
    """What the classes that can be made from each other's files are configured by."""
    names = {kind.name for kind in KarrasDiffusionSchedulers} | set(request["kinds"])
    fields = set()
    for name in names:
        cls = getattr(diffusers, name)
        # A class whose packages are missing is only a stand-in.
        if not hasattr(cls, "_backends"):
            fields |= set(inspect.signature(cls.__init__).parameters) - {"self"}
    return sorted(fields)


def foreign(entry):
    """The configuration of a class made from another's."""
    kind, config = entry
    made = getattr(diffusers, kind).from_config(config)
    return json.loads(made.to_json_string())


request = json.load(sys.stdin)
json.dump(
    {
        "cases": [sample(case) for case in request["cases"]],
        "table": noise_table(),
        "fields": known_fields(),
        "foreign": [foreign(entry) for entry in request["foreign"]],
        "quantiles": [scipy.stats.beta.ppf(p, a, b) for p, a, b in request["quantiles"]],
        "noisy": {kind: add_noise(request["addNoise"], kind) for kind in request["kinds"]},
        "configs": {
            kind: reload(f"{request['folder']}/{kind}", kind) for kind in request["kinds"]
        },
    },
    sys.stdout,
)
