"""A training loop over diffusers' model, peft's adapter and PyTorch's AdamW: ten steps on given batches, the paper's loss."""

import json
import sys

import torch
from diffusers import PixArtTransformer2DModel
from objectives import loss_of, mixed
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

torch.set_num_threads(1)
CASE = {"prediction": "epsilon", "gamma": None, "debiased": False, "delta": None, "bound": True}


def run(folder, adapter, steps, batches, lr, weight_decay, eps, clip, out):
    model = PixArtTransformer2DModel.from_pretrained(folder, subfolder="transformer")
    if adapter is not None:
        model = get_peft_model(model, LoraConfig(**adapter["config"]))
        first = load_file(adapter["first"])
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                if parameter.requires_grad:
                    parameter.copy_(first[key.replace(".default", "")])
    model.train()
    trained = {k: p for k, p in model.named_parameters() if p.requires_grad}
    rates = {"lr": lr, "weight_decay": weight_decay, "eps": eps}
    optimizer = torch.optim.AdamW(trained.values(), **rates, fused=True)
    losses, norms = [], []
    for step in range(steps):
        batch = load_file(f"{batches}/{step}.safetensors")
        x0, noise, times = batch["original"], batch["noise"], batch["timesteps"].tolist()
        noisy = torch.stack([mixed(x.double(), n.double(), t) for x, n, t in zip(x0, noise, times)])
        output = model(
            noisy.float(),
            encoder_hidden_states=batch["states"],
            encoder_attention_mask=batch["mask"],
            timestep=batch["timesteps"],
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
            return_dict=False,
        )[0].double()
        rows = [loss_of(CASE, *row)[0] for row in zip(x0.double(), noise.double(), output, times)]
        loss = torch.stack(rows).mean()
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(trained.values(), clip).item())
        optimizer.step()
        losses.append(loss.item())
    save_file({k.replace(".default", ""): p.detach().contiguous() for k, p in trained.items()}, out)
    return {"losses": losses, "norms": norms}


json.dump([run(**case) for case in json.load(sys.stdin)], sys.stdout)
