"""A training loop over diffusers' frozen model with controlnet.py's control part: given batches, the paper's loss, AdamW."""

import json
import sys
from pathlib import Path

import torch
from controlnet import Control
from diffusers import PixArtTransformer2DModel
from objectives import mean_loss, noised
from safetensors.torch import load_file, save_file

torch.set_num_threads(1)
CASE = {"prediction": "epsilon", "gamma": None, "debiased": False, "delta": None, "bound": True}
WEIGHTS = "diffusion_pytorch_model.safetensors"


def control_of(model, folder):
    """A control part from a folder that TypeScript wrote, attached to the model."""
    config = json.loads((Path(folder) / "config.json").read_text())
    sizes = (model.config.num_attention_heads, model.config.attention_head_dim)
    control = Control(config["num_layers"], *sizes, model.config.cross_attention_dim)
    control.load_state_dict(load_file(Path(folder) / WEIGHTS))
    return control, control.attach(model)


def predict(model, control, noisy, batch):
    control.tokens = model.pos_embed(batch["condition"])
    return model(
        noisy,
        encoder_hidden_states=batch["states"],
        encoder_attention_mask=batch["mask"],
        timestep=batch["timesteps"],
        added_cond_kwargs={"resolution": None, "aspect_ratio": None},
        return_dict=False,
    )[0]


def run(base, first, published, steps, batches, optimizer, clip, out):
    model = PixArtTransformer2DModel.from_pretrained(base, subfolder="transformer")
    model.requires_grad_(False).train()
    control, hooks = control_of(model, first)
    trained = dict(control.named_parameters())
    adamw = torch.optim.AdamW(trained.values(), **optimizer, fused=True)
    losses, norms = [], []
    for step in range(steps):
        batch = load_file(f"{batches}/{step}.safetensors")
        output = predict(model, control, noised(batch), batch)
        loss = mean_loss(CASE, batch, output)
        adamw.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(trained.values(), clip).item())
        adamw.step()
        losses.append(loss.item())
    for hook in hooks:
        hook.remove()
    control, _ = control_of(model, published)
    with torch.no_grad():
        output = predict(model, control, batch["original"], batch)
    weights = {key: tensor.detach().contiguous() for key, tensor in trained.items()}
    save_file({**weights, "output": output.contiguous()}, out)
    return {"losses": losses, "norms": norms}


json.dump(run(**json.load(sys.stdin)), sys.stdout)
