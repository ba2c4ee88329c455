"""Makes small random PixArt pipelines with diffusers, and renders with pipelines from either side."""

import copy
import json
import sys
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    PixArtAlphaPipeline,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
    PNDMScheduler,
    UniPCMultistepScheduler,
)
from diffusers.guiders import ClassifierFreeGuidance
from diffusers.pipelines.pixart_alpha import pipeline_pixart_alpha, pipeline_pixart_sigma
from diffusers.utils.torch_utils import randn_tensor
from tgate import TgatePixArtAlphaLoader
from transformers import T5Config, T5EncoderModel, T5Tokenizer


SCHEDULERS = {
    "ddim": DDIMScheduler,
    "ddpm": DDPMScheduler,
    "dmd": DDPMScheduler,
    "euler": EulerDiscreteScheduler,
    "euler-ancestral": EulerAncestralDiscreteScheduler,
    "lcm": LCMScheduler,
    "plms": PNDMScheduler,
    "unipc": UniPCMultistepScheduler,
}


GATE = {
    "gateStep": "gate_step",
    "spInterval": "sp_interval",
    "fiInterval": "fi_interval",
    "warmUp": "warm_up",
}


def make(request):
    """A pipeline of random weights round a given tokenizer, in the proportions of the released one."""
    torch.manual_seed(request["seed"])
    tokenizer = T5Tokenizer.from_pretrained(request["tokenizer"])
    text_encoder = T5EncoderModel(
        T5Config(
            vocab_size=len(tokenizer),
            d_model=32,
            d_kv=8,
            d_ff=48,
            num_layers=2,
            num_heads=4,
            feed_forward_proj="gated-gelu",
            relative_attention_num_buckets=8,
        )
    )
    transformer = PixArtTransformer2DModel(
        sample_size=request["sampleSize"],
        num_layers=2,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=3,
        caption_channels=32,
        cross_attention_dim=24,
        out_channels=8,
        use_additional_conditions=request["isSigma"] is False and request["sampleSize"] == 128,
    )
    widths = request["vaeWidths"]
    vae = AutoencoderKL(
        block_out_channels=widths,
        down_block_types=["DownEncoderBlock2D"] * len(widths),
        up_block_types=["UpDecoderBlock2D"] * len(widths),
        layers_per_block=1,
        norm_num_groups=8,
        # Random decoders answer softly; unscaled latents make them use the whole range.
        scaling_factor=1.0,
    )
    if request.get("isTiny"):
        levels = {f"{half}_block_out_channels": [8, 8] for half in ("encoder", "decoder")}
        blocks = {f"num_{half}_blocks": [1, 1] for half in ("encoder", "decoder")}
        vae = AutoencoderTiny(**levels, **blocks)
    pipeline = pipeline_class(request)(
        tokenizer=tokenizer,
        text_encoder=text_encoder.eval(),
        vae=vae.eval(),
        transformer=transformer.eval(),
        scheduler=DPMSolverMultistepScheduler(),
    )
    pipeline.save_pretrained(request["folder"])
    for name, changes in request.get("files", {}).items():
        change(Path(request["folder"], name), changes)


def change(path, changes):
    """Writes other fields into a JSON file; those that say so are left out."""
    fields = {**json.loads(path.read_text()), **changes}
    kept = {key: value for key, value in fields.items() if value != "left out"}
    path.write_text(json.dumps(kept))


def pipeline_class(request):
    return PixArtSigmaPipeline if request["isSigma"] else PixArtAlphaPipeline


def generators(seeds):
    made = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    return made if len(made) > 1 else made[0]


def encoded_prompts(pipeline, call):
    """States and mask of the prompts, and of what is led away from."""
    return pipeline.encode_prompt(
        call["prompt"],
        True,
        negative_prompt=call["negativePrompt"],
        num_images_per_prompt=call["numImagesPerPrompt"],
        device="cpu",
        clean_caption=call["cleanCaption"],
        max_sequence_length=call["maxSequenceLength"],
    )


def decoded(pipeline, latents):
    """Latents, and the pictures that they are of."""
    pictures = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample
    return latents, (pictures / 2 + 0.5).clamp(0, 1)


def from_picture(pipeline, call):
    """Image-to-image and inpainting as diffusers' Stable Diffusion pipelines do it, with PixArt's parts."""
    scheduler, vae = pipeline.scheduler, pipeline.vae
    guidance, rows = call["guidanceScale"], len(call["prompt"]) * call["numImagesPerPrompt"]
    states, mask, away, away_mask = encoded_prompts(pipeline, call)
    states, mask = torch.cat([away, states]), torch.cat([away_mask, mask])
    picture = torch.tensor(call["image"]).reshape(1, call["height"], call["width"], 3)
    picture = picture.permute(0, 3, 1, 2) / 255 * 2 - 1
    scheduler.set_timesteps(call["numInferenceSteps"])
    taken = min(int(call["numInferenceSteps"] * call["strength"]), call["numInferenceSteps"])
    timesteps = scheduler.timesteps[max(call["numInferenceSteps"] - taken, 0) :]
    generator = generators(call["seeds"])
    encoded = vae.encode(picture)
    # One latent a picture, or a distribution to draw it from.
    is_tiny = isinstance(vae, AutoencoderTiny)
    original = encoded.latents if is_tiny else encoded.latent_dist.sample(generator)
    original = original * vae.config.scaling_factor
    original = torch.cat([original] * rows)
    noise = randn_tensor(original.shape, generator=generator)
    latents = scheduler.add_noise(original, noise, timesteps[:1].repeat(rows))
    fresh = None
    if "mask" in call:
        fresh = torch.tensor(call["mask"]).reshape(1, 1, call["height"], call["width"]).float()
        fresh = torch.nn.functional.interpolate(fresh, size=latents.shape[2:])
    for i, t in enumerate(timesteps):
        doubled = scheduler.scale_model_input(torch.cat([latents] * 2), t)
        output = pipeline.transformer(
            doubled,
            encoder_hidden_states=states,
            encoder_attention_mask=mask,
            timestep=t[None].expand(len(doubled)),
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
        ).sample
        negative, positive = output.chunk(2)
        guided = (negative + guidance * (positive - negative)).chunk(2, dim=1)[0]
        latents = scheduler.step(guided, t, latents).prev_sample
        if fresh is not None:
            stays = original
            if i + 1 < len(timesteps):
                stays = scheduler.add_noise(original, noise, timesteps[i + 1 : i + 2])
            latents = (1 - fresh) * stays + fresh * latents
    return decoded(pipeline, latents)


def guided_within(pipeline, call):
    """Guidance in a part of the steps, by diffusers' guider, which its PixArt pipelines don't take."""
    start, stop = call["guidanceInterval"]
    guider = ClassifierFreeGuidance(call["guidanceScale"], start=start, stop=stop)
    states, mask, away, away_mask = encoded_prompts(pipeline, call)
    scheduler, steps = pipeline.scheduler, call["numInferenceSteps"]
    scheduler.set_timesteps(steps)
    rows, channels = len(states), pipeline.transformer.config.in_channels
    size = (call["height"], call["width"])
    dtype, generator = states.dtype, generators(call["seeds"])
    latents = pipeline.prepare_latents(rows, channels, *size, dtype, "cpu", generator)
    for step, t in enumerate(scheduler.timesteps):
        guider.set_state(step=step, num_inference_steps=steps, timestep=t)
        predict = lambda text, its_mask: pipeline.transformer(
            scheduler.scale_model_input(latents, t),
            encoder_hidden_states=text,
            encoder_attention_mask=its_mask,
            timestep=t[None].expand(rows),
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
        ).sample.chunk(2, dim=1)[0]
        guided = guider.forward(predict(states, mask), predict(away, away_mask)).pred
        latents = scheduler.step(guided, t, latents).prev_sample
    return decoded(pipeline, latents)


def gated(pipeline):
    """T-GATE's own call. It changes the transformer for good: it has one of its own."""
    changed = copy.copy(pipeline)
    changed.transformer = copy.deepcopy(pipeline.transformer)
    return TgatePixArtAlphaLoader(changed).tgate


def from_noise(pipeline, call, output_type):
    gate = {GATE[name]: value for name, value in call.get("tgate", {}).items()}
    draw = gated(pipeline) if gate else pipeline
    return draw(
        **gate,
        prompt=call["prompt"],
        negative_prompt=call["negativePrompt"],
        num_inference_steps=call["numInferenceSteps"],
        **({"timesteps": call["timesteps"]} if "timesteps" in call else {}),
        guidance_scale=call["guidanceScale"],
        num_images_per_prompt=call["numImagesPerPrompt"],
        width=call["width"],
        height=call["height"],
        use_resolution_binning=call["useResolutionBinning"],
        max_sequence_length=call["maxSequenceLength"],
        eta=call.get("eta", 0.0),
        generator=generators(call["seeds"]),
        clean_caption=call["cleanCaption"],
        output_type=output_type,
    ).images


def render(pipeline, call):
    own = pipeline.scheduler
    if "scheduler" in call:
        kind = SCHEDULERS[call["scheduler"]]
        others = {UniPCMultistepScheduler: {}, PNDMScheduler: {"skip_prk_steps": True}}
        changes = others.get(kind, {"clip_sample": False})
        pipeline.scheduler = kind.from_config(own.config, **changes)
    if "image" in call:
        latents, pictures = from_picture(pipeline, call)
    elif "guidanceInterval" in call:
        latents, pictures = guided_within(pipeline, call)
    else:
        latents, pictures = (from_noise(pipeline, call, kind) for kind in ("latent", "pt"))
    pipeline.scheduler = own
    return {
        "shape": list(pictures.shape),
        "latents": latents.flatten().tolist(),
        "pictures": pictures.flatten().tolist(),
    }


def bins():
    alpha, sigma = pipeline_pixart_alpha, pipeline_pixart_sigma
    return {
        32: alpha.ASPECT_RATIO_256_BIN,
        64: alpha.ASPECT_RATIO_512_BIN,
        128: alpha.ASPECT_RATIO_1024_BIN,
        256: sigma.ASPECT_RATIO_2048_BIN,
    }


def answer(request):
    if "sampleSize" in request:
        make(request)
    pipeline = pipeline_class(request).from_pretrained(request["folder"])
    pipeline.set_progress_bar_config(disable=True)
    return [render(pipeline, call) for call in request["calls"]]


with torch.no_grad():
    requests = json.load(sys.stdin)
    json.dump({"rendered": [answer(request) for request in requests], "bins": bins()}, sys.stdout)
