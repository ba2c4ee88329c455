"""A pytest plugin: in diffusers' own scheduler tests, this package's samplers stand in for the classes.

Each class keeps its name, its configuration and its signatures; timesteps, levels, scaling, steps and added noise are those
of the Node process of serve-schedulers.ts. What that refuses is raised as `Refused` and counted by its reason.
"""

import base64
import functools
import inspect
import itertools
import json
import math
import pathlib
import subprocess
import sys
from collections import Counter, defaultdict

import diffusers
import numpy as np
import torch
from diffusers.configuration_utils import register_to_config
from diffusers.schedulers.scheduling_utils import SchedulerOutput

HERE = pathlib.Path(__file__).resolve().parent
CLASSES = (
    "DDIMScheduler DDPMScheduler DEISMultistepScheduler DPMSolverMultistepScheduler "
    "DPMSolverSinglestepScheduler EDMDPMSolverMultistepScheduler EDMEulerScheduler "
    "EulerAncestralDiscreteScheduler EulerDiscreteScheduler HeunDiscreteScheduler "
    "KDPM2AncestralDiscreteScheduler KDPM2DiscreteScheduler LCMScheduler LMSDiscreteScheduler "
    "PNDMScheduler SASolverScheduler TCDScheduler UniPCMultistepScheduler"
).split()


class Refused(ValueError):
    """What the package does not take. A ValueError, as diffusers raises for what it does not take either."""


class Server:
    def __init__(self):
        command = ["npx", "tsx", str(HERE / "serve-schedulers.ts")]
        self.process = subprocess.Popen(
            command,
            cwd=HERE.parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ids = itertools.count()

    def ask(self, **message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        reply = json.loads(self.process.stdout.readline())
        if "refused" in reply:
            raise Refused(reply["refused"])
        return reply


@functools.cache
def server():
    return Server()


def to_wire(tensor):
    values = tensor.detach().float().contiguous().numpy()
    return {
        "shape": list(tensor.shape),
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "data": base64.b64encode(values.tobytes()).decode(),
    }


def from_wire(wire):
    values = np.frombuffer(base64.b64decode(wire["data"]), dtype=np.float32).copy()
    return torch.from_numpy(values).reshape(wire["shape"]).to(getattr(torch, wire["dtype"]))


def plain(value):
    """A value of a configuration as JSON has it."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, float) and math.isinf(value):
        return math.copysign(sys.float_info.max, value)
    return value


def number(timestep):
    return timestep.item() if isinstance(timestep, (torch.Tensor, np.generic)) else timestep


# torch.manual_seed seeds one generator again and again; each time it is another one here.
seedings = itertools.count()
names = {}
torch_manual_seed = torch.manual_seed


def manual_seed(seed):
    generator = torch_manual_seed(seed)
    names[id(generator)] = (generator, f"default {next(seedings)}")
    # Some tests draw from the default generator without naming it.
    server().ask(method="seed", id=seed)
    return generator


def name_of(generator):
    if id(generator) not in names:
        names[id(generator)] = (generator, f"own {next(seedings)}")
    return [names[id(generator)][1], generator.initial_seed()]


def bridged(base):
    module = sys.modules[base.__module__]
    own = [n for n in vars(module) if n.endswith("SchedulerOutput") and n != "SchedulerOutput"]
    output_class = getattr(module, own[0]) if own else SchedulerOutput
    accepts = functools.partial(functools.wraps, updated=())

    def init(self, *args, **kwargs):
        self._id = next(server().ids)
        self._levels = None
        config = {key: plain(value) for key, value in self.config.items() if key[0] != "_"}
        made = server().ask(method="make", id=self._id, className=base.__name__, config=config)
        self._init_noise_sigma = made["initNoiseSigma"]
        self.custom_timesteps = False
        self.num_inference_steps = None
        if made.get("betas"):
            self.betas = torch.tensor(made["betas"], dtype=torch.float32)
            self.alphas_cumprod = torch.tensor(made["alphasCumprod"], dtype=torch.float32)
            self.one = torch.tensor(1.0)
            to_one = getattr(self.config, "set_alpha_to_one", True)
            self.final_alpha_cumprod = self.one if to_one else self.alphas_cumprod[0]

    class Bridged(base):
        __init__ = register_to_config(functools.wraps(base.__init__.__wrapped__)(init))

        def _plan(self, plan):
            self._levels = server().ask(method="plan", id=self._id, plan=plan)

        def _planned(self):
            """diffusers' classes begin with all timesteps of the training planned."""
            if self._levels is None:
                count = self.config.num_train_timesteps
                is_distilled = base.__name__ in ("LCMScheduler", "TCDScheduler")
                self._plan({"timesteps": list(range(count))[::-1]} if is_distilled else count)
            return self._levels

        @accepts(base.set_timesteps)
        def set_timesteps(self, num_inference_steps=None, device=None, timesteps=None, sigmas=None):
            given = [x for x in (num_inference_steps, timesteps, sigmas) if x is not None]
            if len(given) != 1:
                raise Refused("one of a number of steps, timesteps and noise levels")
            values = lambda xs: [number(x) for x in xs]  # noqa: E731
            if timesteps is not None:
                self._plan({"timesteps": values(timesteps)})
            elif sigmas is not None:
                self._plan({"sigmas": values(sigmas)})
            else:
                self._plan(num_inference_steps)
            self.custom_timesteps = timesteps is not None
            self.num_inference_steps = len(self._levels["timesteps"])

        @property
        def timesteps(self):
            values = self._planned()["timesteps"]
            is_whole = all(value == int(value) for value in values)
            floats = hasattr(self.config, "use_karras_sigmas") and self.order == 2
            whole = is_whole and not floats and "Euler" not in base.__name__ and "LMS" not in base.__name__
            return torch.tensor(values, dtype=torch.int64 if whole else torch.float32)

        @property
        def sigmas(self):
            return torch.tensor(self._planned()["sigmas"], dtype=torch.float32)

        @property
        def init_noise_sigma(self):
            value = self._levels["initNoiseSigma"] if self._levels else self._init_noise_sigma
            return torch.tensor(value) if "init_noise_sigma" in vars(base) else value

        @accepts(base.scale_model_input)
        def scale_model_input(self, sample, timestep=None, **_):
            levels = self._planned()["timesteps"]
            timestep = levels[0] if timestep is None else nearest(levels, timestep)
            reply = server().ask(
                method="scale", id=self._id, timestep=timestep, tensors=[to_wire(sample)]
            )
            return from_wire(reply["sample"])

        @accepts(base.step)
        def step(self, *args, **kwargs):
            given = inspect.signature(base.step).bind(self, *args, **kwargs).arguments
            model_output, sample = given.pop("model_output"), given.pop("sample")
            timestep = nearest(self._planned()["timesteps"], given.pop("timestep"))
            return_dict = given.pop("return_dict", True)
            message = {"timestep": timestep, "tensors": [to_wire(model_output), to_wire(sample)]}
            generator, eta = given.pop("generator", None), given.pop("eta", None)
            if generator is not None:
                message["generator"] = name_of(generator)
            if eta is not None:
                message["eta"] = eta
            given.pop("self")
            if given.pop("use_clipped_model_output", False) or given:
                raise Refused(f"step takes no {', '.join(given) or 'use_clipped_model_output'}")
            reply = server().ask(method="step", id=self._id, **message)
            values = [from_wire(reply["sample"])]
            if reply.get("original"):
                values.append(from_wire(reply["original"]))
            return output_class(*values) if return_dict else tuple(values)

        @accepts(base.add_noise)
        def add_noise(self, original_samples, noise, timesteps):
            levels = self._planned()["timesteps"]
            rows = original_samples.shape[0]
            times = [nearest(levels, t) for t in timesteps.flatten()]
            times = times * rows if len(times) == 1 else times
            tensors = [to_wire(original_samples), to_wire(noise)]
            reply = server().ask(method="addNoise", id=self._id, timesteps=times, tensors=tensors)
            return from_wire(reply["sample"])

        if base.__name__ == "PNDMScheduler":

            @property
            def prk_timesteps(self):
                return self.timesteps[: 0 if self.config.skip_prk_steps else 12]

            @property
            def plms_timesteps(self):
                return self.timesteps[len(self.prk_timesteps) :]

            def step_prk(self, *args, **kwargs):
                return self.step(*args, **kwargs)

            def step_plms(self, *args, **kwargs):
                return self.step(*args, **kwargs)

    Bridged.__name__ = Bridged.__qualname__ = base.__name__
    Bridged.__module__ = base.__module__
    return Bridged


def nearest(levels, timestep):
    """A timestep that came back through float32, as the number that it was."""
    value = number(timestep)
    return next((level for level in levels if np.float32(level) == np.float32(value)), value)


results = defaultdict(Counter)
reasons = Counter()
failures = []


def pytest_addoption(parser):
    parser.addoption("--plain", action="store_true", help="run with diffusers' own classes")


def pytest_configure(config):
    if config.getoption("--plain"):
        return
    torch.manual_seed = manual_seed
    for name in CLASSES:
        setattr(diffusers, name, bridged(getattr(diffusers, name)))


def pytest_runtest_makereport(item, call):
    file = item.nodeid.split("::")[0].rsplit("/", 1)[-1]
    if call.excinfo is None:
        if call.when == "call":
            results[file]["passed"] += 1
    elif call.excinfo.typename == "Skipped" or call.excinfo.typename == "SkipTest":
        results[file]["skipped"] += 1
    elif call.excinfo.errisinstance(Refused):
        results[file]["refused"] += 1
        reasons[str(call.excinfo.value)] += 1
        failures.append(f"refused {item.nodeid.rsplit('/', 1)[-1]}: {call.excinfo.value}")
    else:
        results[file]["failed"] += 1
        failures.append(f"failed {item.nodeid.rsplit('/', 1)[-1]}: {call.excinfo.exconly()[:300]}")


def pytest_terminal_summary(terminalreporter):
    line = terminalreporter.write_line
    for failure in failures:
        line(failure)
    kinds = ("passed", "refused", "failed", "skipped")
    for file, counts in sorted(results.items()):
        line(f"{file}: " + ", ".join(f"{counts[kind]} {kind}" for kind in kinds))
    total = sum(results.values(), Counter())
    line("all: " + ", ".join(f"{total[kind]} {kind}" for kind in kinds))
