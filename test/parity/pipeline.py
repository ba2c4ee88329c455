"""Makes small random PixArt pipelines with diffusers, and renders with pipelines from either side."""

import json
import sys

import torch
from diffusers import (
    AutoencoderKL,
    DPMSolverMultistepScheduler,
    PixArtAlphaPipeline,
    PixArtTransformer2DModel,
)
from transformers import T5Config, T5EncoderModel, T5Tokenizer


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
    pipeline = PixArtAlphaPipeline(
        tokenizer=tokenizer,
        text_encoder=text_encoder.eval(),
        vae=vae.eval(),
        transformer=transformer.eval(),
        scheduler=DPMSolverMultistepScheduler(),
    )
    pipeline.save_pretrained(request["folder"])


def generators(seeds):
    made = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    return made if len(made) > 1 else made[0]


def render(pipeline, call):
    def run(output_type):
        return pipeline(
            prompt=call["prompt"],
            negative_prompt=call["negativePrompt"],
            num_inference_steps=call["numInferenceSteps"],
            guidance_scale=call["guidanceScale"],
            num_images_per_prompt=call["numImagesPerPrompt"],
            width=call["width"],
            height=call["height"],
            use_resolution_binning=call["useResolutionBinning"],
            max_sequence_length=call["maxSequenceLength"],
            generator=generators(call["seeds"]),
            clean_caption=False,
            output_type=output_type,
        ).images

    latents, pictures = run("latent"), run("pt")
    return {
        "shape": list(pictures.shape),
        "latents": latents.flatten().tolist(),
        "pictures": pictures.flatten().tolist(),
    }


def answer(request):
    if "sampleSize" in request:
        make(request)
    pipeline = PixArtAlphaPipeline.from_pretrained(request["folder"])
    pipeline.set_progress_bar_config(disable=True)
    return [render(pipeline, call) for call in request["calls"]]


with torch.no_grad():
    json.dump([answer(request) for request in json.load(sys.stdin)], sys.stdout)
