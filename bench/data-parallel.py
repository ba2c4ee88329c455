"""The Python side of data-parallel.ts: a PixArt transformer under DistributedDataParallel over Gloo, with fused AdamW.

Reads {"processes": …, "port": …, "steps": …, "batch": …, "tokens": …, "threads": …, "shape": …} as JSON on stdin and leaves a JSON line on stdout.
"""

import json
import os
import sys
import tempfile
import time

import torch
from denoising import predicted


def member(rank, request, out):
    from diffusers import DDPMScheduler, PixArtTransformer2DModel

    torch.set_num_threads(request["threads"])
    size = request["processes"]
    address = f"tcp://127.0.0.1:{request['port']}"
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=size)
    torch.manual_seed(0)
    model = PixArtTransformer2DModel(**request["shape"]).train()
    forward = torch.nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=3e-2, fused=True)
    schedule = DDPMScheduler(beta_start=1e-4, beta_end=0.02)
    side, channels = request["shape"]["sample_size"], request["shape"]["in_channels"]
    batch, tokens = request["batch"], request["tokens"]
    seconds = []
    for step in range(request["steps"]):
        generator = torch.Generator().manual_seed(step * size + rank)
        draw = lambda *shape: torch.randn(shape, generator=generator)
        latents, noise = (draw(batch, channels, side, side) for _ in range(2))
        states, mask = draw(batch, tokens, request["shape"]["caption_channels"]), torch.ones(batch, tokens)
        times = torch.randint(0, 1000, (batch,), generator=generator)
        start = time.perf_counter()
        output = predicted(forward, schedule, latents, noise, times, states, mask)
        loss = torch.nn.functional.mse_loss(output.chunk(2, 1)[0], noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - start)
    torch.distributed.destroy_process_group()
    if rank == 0:
        with open(out, "w") as file:
            json.dump({"seconds": seconds, "weights": sum(p.numel() for p in model.parameters())}, file)


if __name__ == "__main__":
    REQUEST = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out.json")
        torch.multiprocessing.spawn(member, args=(REQUEST, path), nprocs=REQUEST["processes"])
        with open(path) as file:
            print(file.read())
