"""Python's side of all.ts: loads a model of diffusers or transformers, and runs it when asked.

Takes a JSON request as its argument (WorkerRequest in sides.ts). Answers on stdout with a line of JSON: one when it has
loaded, and one for each line of stdin.
"""

import json
import os
import statistics
import sys
import time
from functools import partial
from pathlib import Path

import torch
from denoising import predicted
from safetensors.torch import load_file, save_file

ANSWERS = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # what libraries print goes to stderr
REQUEST = json.loads(sys.argv[1])
FOLDER = Path(REQUEST["folder"])
DTYPE = getattr(torch, REQUEST.get("dtype", "float32"))
DEVICE = REQUEST.get("device", "cpu")
IS_GPU = DEVICE.startswith("cuda")
PLACE = {"dtype": DTYPE, "device": DEVICE}


def inputs():
    return load_file(FOLDER / "inputs.safetensors", device=DEVICE)


def compiled(model):
    """As a user would have it: constants folded on a CPU, graphs of CUDA on a GPU."""
    if IS_GPU:
        return torch.compile(model, mode="reduce-overhead")
    import torch._inductor.config

    torch._inductor.config.freezing = True
    return torch.compile(model)


def transformer():
    from diffusers import PixArtTransformer2DModel

    model = PixArtTransformer2DModel.from_pretrained(FOLDER, dtype=DTYPE).to(DEVICE).eval()
    given = inputs()
    added = {"resolution": None, "aspect_ratio": None}
    if model.use_additional_conditions:
        added = {key: given[key].to(DTYPE) for key in added}
    latents, caption = given["latents"].to(DTYPE), given["caption"].to(DTYPE)
    if REQUEST.get("compiled"):
        model = compiled(model)
    return lambda _: model(
        latents,
        encoder_hidden_states=caption,
        timestep=given["timestep"],
        encoder_attention_mask=given["mask"],
        added_cond_kwargs=added,
    ).sample


def vae():
    from diffusers import AutoencoderKL

    model = AutoencoderKL.from_pretrained(FOLDER, dtype=DTYPE).to(DEVICE).eval()
    latents = inputs()["latents"].to(DTYPE)
    return lambda _: model.decode(latents).sample


def t5():
    from transformers import T5EncoderModel

    model = T5EncoderModel.from_pretrained(FOLDER, dtype=DTYPE).to(DEVICE).eval()
    ids, mask = inputs()["ids"], inputs()["mask"]
    if REQUEST.get("trims"):
        ids, mask = ids[:, : mask.sum()], mask[:, : mask.sum()]
    return lambda _: model(ids, attention_mask=mask).last_hidden_state


def pipeline():
    """The text encoder stays in bfloat16, as it is stored: in float32 T5-XXL has 19 GB."""
    from diffusers import PixArtAlphaPipeline
    from transformers import T5EncoderModel

    encoder = T5EncoderModel.from_pretrained(FOLDER / "text_encoder", dtype=torch.bfloat16).to(DEVICE)
    pipe = PixArtAlphaPipeline.from_pretrained(FOLDER, dtype=DTYPE, text_encoder=None).to(DEVICE)
    if REQUEST.get("compiled"):
        pipe.transformer = compiled(pipe.transformer)
    # diffusers rounds what a pipeline draws from to its text encoder's type, so that one encodes and another draws.
    encoding = PixArtAlphaPipeline(**{**pipe.components, "text_encoder": encoder})
    pipe.set_progress_bar_config(disable=True)
    latents = inputs()["latents"].to(DTYPE)

    def draw(turn):
        prompt, negative = [text.replace("TURN", str(turn)) for text in REQUEST["prompts"]]
        encoded = encoding.encode_prompt(prompt, negative_prompt=negative)
        states, mask, negative_states, negative_mask = encoded
        return pipe(
            prompt_embeds=states.to(DTYPE),
            prompt_attention_mask=mask,
            negative_prompt=None,
            negative_prompt_embeds=negative_states.to(DTYPE),
            negative_prompt_attention_mask=negative_mask,
            latents=latents,
            num_inference_steps=REQUEST["steps"],
            guidance_scale=4.5,
            output_type="pt",
        ).images

    return draw


def product():
    """Of two square matrices."""
    shape = [REQUEST["side"]] * 2
    x, y = (torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(**PLACE) for seed in (1, 2))
    return lambda _: x @ y


def training():
    """Median seconds of a step, the first WARM left out: a loop that does no more than the step."""
    from diffusers import DDPMScheduler, PixArtTransformer2DModel
    from diffusers.training_utils import EMAModel
    from transformers import T5EncoderModel

    side, batch, tokens = REQUEST["side"], REQUEST["batch"], REQUEST["tokens"]
    model = PixArtTransformer2DModel.from_pretrained(
        FOLDER, subfolder="transformer", sample_size=side, dtype=torch.float32
    )
    model = model.to(DEVICE).train()
    if REQUEST["checkpointing"]:
        model.enable_gradient_checkpointing()
    parameters, encoder, vocabulary = list(model.parameters()), None, 4
    if REQUEST["trainsTextEncoder"]:
        encoder = T5EncoderModel.from_pretrained(FOLDER / "text_encoder", dtype=torch.float32)
        encoder = encoder.to(DEVICE)  # without dropout
        parameters += encoder.parameters()
        vocabulary = encoder.config.vocab_size
    optimizer = torch.optim.AdamW(parameters, lr=2e-6, weight_decay=3e-2, fused=True)
    average = EMAModel(parameters, decay=0.995, foreach=True) if REQUEST["averages"] else None
    schedule = DDPMScheduler(beta_start=1e-4, beta_end=0.02)
    mask = torch.ones(batch, tokens, dtype=torch.int64, device=DEVICE)
    width = model.config.caption_channels
    run = torch.compile(model) if REQUEST.get("compiled") else model

    def step(draw):
        latents, noise = draw(batch, 4, side, side), draw(batch, 4, side, side)
        times = torch.randint(0, 1000, (batch,), device=DEVICE)
        states = draw(batch, tokens, width)
        ids = torch.randint(3, vocabulary, (batch, tokens), device=DEVICE)
        start = time.perf_counter()
        with torch.autocast(torch.device(DEVICE).type, torch.bfloat16, enabled=DTYPE == torch.bfloat16):
            if encoder is not None:
                states = encoder(ids, attention_mask=mask).last_hidden_state
            output = predicted(run, schedule, latents, noise, times, states, mask)
        velocity = REQUEST["loss"] == "v"
        target = schedule.get_velocity(latents, noise, times) if velocity else noise
        loss = torch.nn.functional.mse_loss(output.chunk(2, 1)[0].float(), target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, REQUEST["clip"])
        optimizer.step()
        optimizer.zero_grad()
        if average is not None:
            average.step(parameters)
        loss.item()
        return time.perf_counter() - start

    def steps(_):
        with torch.enable_grad():
            seconds = [step(partial(torch.randn, device=DEVICE)) for _ in range(REQUEST["steps"])]
        return statistics.median(seconds[REQUEST["warm"] :])

    return steps


def settle():
    """Waits until a device has done what was asked of it."""
    if IS_GPU:
        torch.cuda.synchronize()


def answer(**values):
    ANSWERS.write(f"{json.dumps(values)}\n")


@torch.no_grad()
def main():
    torch.set_num_threads(REQUEST["threads"])
    torch.manual_seed(0)
    kinds = {"transformer": transformer, "vae": vae, "t5": t5, "pipeline": pipeline, "product": product}
    run = {**kinds, "training": training}[REQUEST["model"]]()
    repeat = REQUEST.get("repeat", 1)
    output = None
    answer()
    for line in sys.stdin:
        question = json.loads(line)
        if "save" in question:
            save_file({"output": output.contiguous().cpu()}, question["save"])
            answer()
            continue
        output = None
        start = time.perf_counter()
        for _ in range(repeat):
            output = run(question["run"])
        settle()
        seconds = output if isinstance(output, float) else (time.perf_counter() - start) / repeat
        peak = {"peak": torch.cuda.max_memory_allocated()} if IS_GPU else {}
        answer(seconds=seconds, **peak)


try:
    main()
except Exception as error:
    answer(failed=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    raise
