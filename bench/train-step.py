"""The Python side of train-step.ts: makes a pipeline around XL/2, and trains it with diffusers and PyTorch's fused AdamW.

Reads {"action": ..., ...} as JSON on stdin and leaves JSON on the last line of stdout.
"""

import json
import sys
import time

import torch

REQUEST = json.load(sys.stdin)
torch.set_num_threads(REQUEST["threads"])


def make(folder, tokenizer):
    """XL/2 for 256 px and Stable Diffusion's autoencoder at full size; of T5-XXL one block, whose width is what matters here."""
    from diffusers import (
        AutoencoderKL,
        DPMSolverMultistepScheduler,
        PixArtAlphaPipeline,
        PixArtTransformer2DModel,
    )
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    torch.manual_seed(0)
    transformer = PixArtTransformer2DModel(
        num_layers=28,
        attention_head_dim=72,
        num_attention_heads=16,
        cross_attention_dim=1152,
        caption_channels=4096,
        sample_size=32,
        use_additional_conditions=False,
    )
    vae = AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[128, 256, 512, 512],
        layers_per_block=2,
        latent_channels=4,
        sample_size=256,
    )
    shape = {"d_model": 4096, "d_kv": 64, "d_ff": 1024, "num_layers": 1, "num_heads": 64}
    encoder = T5EncoderModel(T5Config(vocab_size=32128, feed_forward_proj="gated-gelu", **shape))
    PixArtAlphaPipeline(
        tokenizer=T5Tokenizer.from_pretrained(tokenizer),
        text_encoder=encoder,
        vae=vae,
        transformer=transformer,
        scheduler=DPMSolverMultistepScheduler(),
    ).save_pretrained(folder)
    return {}


def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def run(folder, steps, batch, tokens, bfloat16, checkpointing):
    from diffusers import DDPMScheduler, PixArtTransformer2DModel

    model = PixArtTransformer2DModel.from_pretrained(folder, subfolder="transformer")
    model.train()
    if checkpointing:
        model.enable_gradient_checkpointing()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-6, weight_decay=3e-2, fused=True)
    schedule = DDPMScheduler(beta_start=1e-4, beta_end=0.02)
    seconds, losses = [], []
    for step in range(steps):
        generator = torch.Generator().manual_seed(step)
        draw = lambda *shape: torch.randn(shape, generator=generator)
        latents, noise = draw(batch, 4, 32, 32), draw(batch, 4, 32, 32)
        states, mask = draw(batch, tokens, 4096), torch.ones(batch, tokens)
        times = torch.randint(0, 1000, (batch,), generator=generator)
        start = time.perf_counter()
        noisy = schedule.add_noise(latents, noise, times)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            output = model(
                noisy,
                encoder_hidden_states=states,
                encoder_attention_mask=mask,
                timestep=times,
                added_cond_kwargs={"resolution": None, "aspect_ratio": None},
            ).sample
        loss = torch.nn.functional.mse_loss(output.chunk(2, 1)[0].float(), noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds, "losses": losses, "peak": peak()}


print(json.dumps({"make": make, "run": run}[REQUEST["action"]](**REQUEST["given"])))
