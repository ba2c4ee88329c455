"""A training loop over diffusers' model, peft's adapters and PyTorch's AdamW: ten steps on given batches, the paper's loss."""

import json
import sys

import torch
from diffusers import PixArtTransformer2DModel
from objectives import mean_loss, noised
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import T5EncoderModel

torch.set_num_threads(1)
CASE = {"prediction": "epsilon", "gamma": None, "debiased": False, "delta": None, "bound": True}


class Models(torch.nn.Module):
    """The transformer, and the text encoder where it is trained too; given states of captions otherwise."""

    def __init__(self, folder, adapters):
        super().__init__()
        self.transformer = PixArtTransformer2DModel.from_pretrained(folder, subfolder="transformer")
        self.text_encoder = None
        if "transformer" in adapters:
            config = LoraConfig(**adapters["transformer"])
            self.transformer = get_peft_model(self.transformer, config)
        if "text_encoder" in adapters:
            encoder = T5EncoderModel.from_pretrained(folder, subfolder="text_encoder")
            self.text_encoder = get_peft_model(encoder.float(), LoraConfig(**adapters["text_encoder"]))

    def train(self, mode=True):
        super().train(mode)
        if self.text_encoder is not None:
            self.text_encoder.eval()  # nothing drops out in TypeScript
        return self

    def forward(self, batch):
        states = batch["states"]
        if self.text_encoder is not None:
            states = self.text_encoder(input_ids=batch["ids"], attention_mask=batch["mask"])[0]
        return self.transformer(
            noised(batch).to(self.transformer.dtype),
            encoder_hidden_states=states,
            encoder_attention_mask=batch["mask"],
            timestep=batch["timesteps"],
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
            return_dict=False,
        )[0]


def run(
    folder, adapters, first, steps, batches, lr, weight_decay, eps, clip, out, rank=0, size=1, dtype=torch.float64
):
    """In float64 unless said otherwise: what float32 rounds to, ten steps later, depends on the order of sums and on which of them are fused.

    With several processes each takes its rows of every batch, and DistributedDataParallel averages.
    """
    wide = lambda rows: rows.to(dtype) if rows.is_floating_point() else rows
    model = Models(folder, adapters).to(dtype).train()
    if adapters:
        start = load_file(first)
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                if parameter.requires_grad:
                    parameter.copy_(start[key.replace(".default", "")])
    trained = {k: p for k, p in model.named_parameters() if p.requires_grad}
    rates = {"lr": lr, "weight_decay": weight_decay, "eps": eps}
    optimizer = torch.optim.AdamW(trained.values(), **rates, fused=True)
    losses, norms = [], []
    forward = model if size == 1 else torch.nn.parallel.DistributedDataParallel(model)
    for step in range(steps):
        batch = load_file(f"{batches}/{step}.safetensors")
        batch = {key: wide(rows.chunk(size)[rank]) for key, rows in batch.items()}
        loss = mean_loss(CASE, batch, forward(batch))
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(trained.values(), clip).item())
        optimizer.step()
        total = loss.detach()
        if size > 1:
            torch.distributed.all_reduce(total)
        losses.append(total.item() / size)
    if rank == 0:
        place = out if dtype == torch.float64 else f"{out}.float32"
        save_file({k.replace(".default", ""): p.detach().contiguous() for k, p in trained.items()}, place)
    return {"losses": losses, "norms": norms}


def member(rank, size, port, case):
    torch.set_num_threads(1)
    address = f"tcp://127.0.0.1:{port}"
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=size)
    result = run(**case, rank=rank, size=size)
    torch.distributed.destroy_process_group()
    if rank == 0:
        with open(f"{case['out']}.json", "w") as file:
            json.dump(result, file)


def together(processes, port, **case):
    """The same in several processes over Gloo."""
    torch.multiprocessing.spawn(member, args=(processes, port, case), nprocs=processes)
    with open(f"{case['out']}.json") as file:
        return json.load(file)


if __name__ == "__main__":
    cases = json.load(sys.stdin)
    # How far float32 gets from float64 in PyTorch's own hands, with the kernels that this processor makes its libraries choose.
    rounded = [run(**case, dtype=torch.float32) for case in cases if "processes" not in case]
    exact = [(together if "processes" in case else run)(**case) for case in cases]
    json.dump({"exact": exact, "rounded": rounded}, sys.stdout)
