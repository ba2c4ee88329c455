import { type Command, InvalidArgumentError } from "commander";

// Each command's code is loaded when it is called: --help, setup and doctor must work where the engine does not.

const wholeNumber =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least) {
      throw new InvalidArgumentError(`Expected a whole number from ${least}.`);
    }
    return value;
  };

const number = (text: string): number => {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value))
    throw new InvalidArgumentError("Expected a number.");
  return value;
};

const MODEL =
  "a published folder, the name of one in models/ or on the Hub (org/name), a run folder, or one of its checkpoints";
const REVISION = "of a model on the Hub: a branch, a tag or a commit (default: main)";
const DATASET =
  "a folder, a .parquet, a .tar, a PixArt list, or the name of a data set on the Hub (org/name)";
const QUANTIZE =
  "int8: 8-bit weights in the large layers of transformer and text encoder, a quarter of float32's memory";

/** Adds all commands to the program. */
export function addCommands(program: Command): void {
  program
    .command("setup")
    .description("get libtorch and build the native addon; quick when nothing is missing")
    .action(async () => (await import("./setup.ts")).setup());

  program
    .command("doctor")
    .description("print engine, devices, memory, disk and versions as one report to paste")
    .option("--json", "as JSON")
    .action(async (options: { json?: boolean }) => {
      const { doctor } = await import("./doctor.ts");
      process.stdout.write(`${await doctor(options)}\n`);
    });

  program
    .command("demo")
    .description(
      "learn from emoji on this machine and draw a sheet of pictures from prompts, in about 15 minutes",
    )
    .option("--work-dir <folder>", "where everything goes", "work_dirs/demo")
    .action(async (options: { workDir: string }) => (await import("./demo.ts")).demo(options));

  addDatasetCommands(program.command("dataset").description("check, convert and make data sets"));

  program
    .command("configs")
    .description("list the recipes that come with the package")
    .action(async () => (await import("./configs.ts")).listConfigs());

  program
    .command("config")
    .description("print a recipe with every default written out")
    .argument("<config>", "a file, or the name of a recipe")
    .option("--cfg-options <key=value...>", "changes to the config, such as stages.0.steps=100")
    .action(async (config: string, options: { cfgOptions?: string[] }) =>
      (await import("./configs.ts")).printConfig(config, options.cfgOptions),
    );

  program
    .command("train")
    .description("train the stages of a config")
    .argument("<config>", "a file, or the name of a recipe (see: pixart configs)")
    .option("--work-dir <folder>", "the run folder (default: work_dirs/<name>)")
    .option(
      "--resume [place]",
      "go on from the newest checkpoint of the run folder, or of the run at this place",
    )
    .option("--dry-run", "print the plan and the forecast of memory and disk, and end")
    .option("--rehearsal", "before each stage a save, a sample and a step (default: large models)")
    .option("--no-rehearsal", "none, and begin what does not seem to fit")
    .option(
      "--prove-resume [n]",
      "train n steps, kill, resume and n more; compare with 2n unbroken ones (n: 4)",
      wholeNumber(1),
    )
    .option("--amp", "large products in bfloat16 in every stage; weights stay float32")
    .option("--gpus <n>", "processes, each with a part of every batch", wholeNumber(1), 1)
    .option("--launcher <name>", "how they are started: none", "none")
    .option("--cfg-options <key=value...>", "changes to the config, such as stages.0.steps=100")
    .action(async (config: string, options: import("./train.ts").TrainCommandOptions) =>
      (await import("./train.ts")).trainCommand(config, options),
    );

  program
    .command("precompute")
    .description("fill the feature cache of a config without training, on one machine or many")
    .argument("<config>", "a file, or the name of a recipe")
    .option(
      "--shard <i/n>",
      "only the part of process i of n; all write into one dataset.cache.folder",
      "1/1",
    )
    .option("--work-dir <folder>", "the run folder, where the config names no dataset.cache.folder")
    .option("--cfg-options <key=value...>", "changes to the config, as for train")
    .action(async (config: string, options: import("./precompute.ts").PrecomputeCommandOptions) =>
      (await import("./precompute.ts")).precomputeCommand(config, options),
    );

  addRunsCommands(program.command("runs").description("look at training runs, and compare them"));

  program
    .command("sample")
    .description("draw pictures from prompts")
    .argument("<model>", MODEL)
    .argument("[prompts...]", "one picture each")
    .option("--steps <n>", "denoising steps", wholeNumber(1), 20)
    .option("--guidance <scale>", "classifier-free guidance; 1 is none", number, 4.5)
    .option(
      "--seed <n>",
      "seed of the first picture's noise; each further picture takes the next",
      wholeNumber(0),
      0,
    )
    .option("--negative <prompt>", "what to keep away from", "")
    .option("--width <pixels>", "width of the pictures", wholeNumber(8))
    .option("--height <pixels>", "height of the pictures", wholeNumber(8))
    .option("--images <n>", "pictures of each prompt", wholeNumber(1), 1)
    .option("--batch <n>", "pictures drawn at once", wholeNumber(1), 1)
    .option(
      "--scheduler <name>",
      "sampler: dpm-solver++, ddim, euler, unipc, lcm, … (default: the model's)",
    )
    .option("--eta <n>", "noise of DDIM, 0 to 1", number)
    .option("--init-image <file>", "begin from a picture instead of noise")
    .option("--strength <n>", "how much of --init-image is drawn anew, 0 to 1", number)
    .option("--mask <file>", "white where --init-image is drawn anew, black where it stays")
    .option("--controlnet <place>", "PixArt-δ's ControlNet: its .pth, or an adapter's folder")
    .option("--control-image <file>", "an edge map that the pictures follow by --controlnet")
    .option(
      "--lora <path...>",
      "PEFT folders or LoRA .safetensors files; path=scale for another than 1",
    )
    .option("--prompts-from <file>", "encoded prompts that `pixart embed` made; needs no T5")
    .option("--from <file>", "draw a picture again from what its PNG remembers")
    .option("--max-length <tokens>", "longest prompt (default: the model's)", wholeNumber(1))
    .option("--no-resolution-binning", "draw at the very size asked for")
    .option("--no-clean-caption", "only lower-case and trim prompts")
    .option("--dtype <type>", "float32, bfloat16 or float16", "float32")
    .option("--quantize <type>", QUANTIZE)
    .option("--variant <name>", "weight files with this in their names, such as fp16")
    .option("--revision <name>", REVISION)
    .option("--raw", "from a run: the weights as trained, not their averages")
    .option("--out <folder>", "where the PNG files go", "pictures")
    .option("--json", "list the files as JSON on stdout")
    .action(
      async (model: string, prompts: string[], options: import("./sample.ts").SampleOptions) =>
        (await import("./sample.ts")).sampleCommand(model, prompts, options),
    );

  program
    .command("embed")
    .description("encode prompts into a file, with which sample needs no text encoder")
    .argument("<model>", MODEL)
    .argument("<prompts...>", "the prompts; the empty one of guidance is added")
    .requiredOption("--out <file>", "a new .safetensors file")
    .option("--max-length <tokens>", "longest prompt (default: the model's)", wholeNumber(1))
    .option("--no-clean-caption", "only lower-case and trim prompts")
    .option("--dtype <type>", "float32 or bfloat16, of the encoder and the file", "float32")
    .option("--quantize <type>", QUANTIZE)
    .option("--revision <name>", REVISION)
    .action(async (model: string, prompts: string[], options: import("./embed.ts").EmbedOptions) =>
      (await import("./embed.ts")).embedCommand(model, prompts, options),
    );

  program
    .command("publish")
    .alias("publish_model2diffusers")
    .description(
      "write a run as a pipeline folder that Python's diffusers loads unchanged, or its adapter as PEFT's folder",
    )
    .argument(
      "<places...>",
      "RUN OUT, or CONFIG RUN OUT: a run folder or one of its checkpoints, and a new folder",
    )
    .option("--save-keys <names...>", "only these: transformer, vae, text_encoder")
    .option("--merge", "of an adapter's run: the whole pipeline with the adapter merged into it")
    .option("--dtype <type>", "float32 or bfloat16 (default: as the config says)")
    .option("--raw", "the weights as trained, not their averages")
    .action(async (places: string[], options: import("./publish.ts").PublishCommandOptions) =>
      (await import("./publish.ts")).publishCommand(places, options),
    );

  program
    .command("convert")
    .description("write a PixArt or DiT checkpoint in another layout, read it back and compare")
    .argument(
      "<in>",
      "a .pth, .pt, .bin or .safetensors file of any layout, or a folder of diffusers: a transformer's or a pipeline's",
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
      "where the input does not show it: pixels of the picture divided by 8",
      wholeNumber(1),
    )
    .option("--interpolation-scale <n>", "where the input does not show it", number)
    .option("--heads <n>", "attention heads of a model of unusual width", wholeNumber(1))
    .action(async (input: string, output: string, options: import("./convert.ts").ConvertOptions) =>
      (await import("./convert.ts")).convertCommand(input, output, options),
    );

  program
    .command("evaluate")
    .description(
      "measure how often pictures drawn from training captions are nearest to the right thing and style",
    )
    .argument("<model>", MODEL)
    .option("--data <folder>", "a folder that `pixart dataset emoji` made (default: the run's)")
    .option(
      "--things <choice>",
      "\"demo\" for the demo's 64 things (default: the run's choice, else all)",
    )
    .option("--count <n>", "prompts of seen pairs", wholeNumber(1), 200)
    .option("--steps <n>", "denoising steps", wholeNumber(1), 20)
    .option("--guidance <scale>", "classifier-free guidance", number, 4.5)
    .option("--seed <n>", "seed of the noise and of the choice of prompts", wholeNumber(0), 0)
    .option("--revision <name>", REVISION)
    .option("--json", "as JSON")
    .action(async (model: string, options: import("./evaluate.ts").EvaluateOptions) =>
      (await import("./evaluate.ts")).evaluateCommand(model, options),
    );
}

function addDatasetCommands(dataset: Command): void {
  const readable = (command: Command): Command =>
    command
      .option("--revision <name>", "of a data set on the Hub: a branch, a tag or a commit")
      .option("--layout <name>", "which one to read where a folder holds several")
      .option("--image-column <name>", "where it is not file_name, image or file")
      .option("--text-column <name>", "where it is not text, caption or prompt")
      .option("--instance-prompt <caption>", "one caption for all pictures, as in DreamBooth");

  readable(
    dataset
      .command("check")
      .description(
        "look at every picture and caption: counts, sizes, buckets, duplicates, what can't be read",
      )
      .argument("<location>", DATASET),
  )
    .option("--size <pixels>", "resolution of the training to come", wholeNumber(8), 1024)
    .option("--batch <n>", "pictures a step", wholeNumber(1), 1)
    .option("--tokenizer <folder>", "count captions in its tokens: a folder or a name on the Hub")
    .option("--max-length <tokens>", "longest caption", wholeNumber(1), 120)
    .option("--sheet <file>", "a PNG with thumbnails and captions")
    .option("--json", "as JSON")
    .action(async (location: string, options: import("./dataset-check.ts").DatasetCheckOptions) =>
      (await import("./dataset-check.ts")).datasetCheck(location, options),
    );

  readable(
    dataset
      .command("convert")
      .description("write a data set in another layout; the pictures' bytes stay as they are")
      .argument("<in>", DATASET)
      .argument("<out>", "a new folder"),
  )
    .requiredOption(
      "--to <layout>",
      "side-cars, jsonl, csv, captions, parquet, webdataset or pixart-json",
    )
    .option("--max-shard-mb <n>", "size of a parquet file or tar (default: 500)", wholeNumber(1))
    .action(
      async (
        location: string,
        out: string,
        options: import("./dataset-convert.ts").DatasetConvertOptions,
      ) => (await import("./dataset-convert.ts")).datasetConvert(location, out, options),
    );

  dataset
    .command("emoji")
    .description("render the open emoji sets into a folder of captioned pictures")
    .argument("<out>", "a new folder")
    .option("--size <pixels>", "side of the pictures", wholeNumber(8), 64)
    .option("--style <name>", "one style only, which captions then don't name")
    .option("--limit <n>", "at most so many pictures, spread evenly", wholeNumber(1))
    .action(async (out: string, options: import("./dataset.ts").DatasetEmojiOptions) =>
      (await import("./dataset.ts")).datasetEmoji(out, options),
    );
}

function addRunsCommands(runs: Command): void {
  runs
    .command("list")
    .description("where the runs of a folder stand, newest first")
    .argument("[folder]", "the folder that the run folders are in", "work_dirs")
    .option("--json", "as JSON")
    .action(async (folder: string, options: import("./runs.ts").RunsListOptions) =>
      (await import("./runs.ts")).runsList(folder, options),
    );

  runs
    .command("compare")
    .description("two runs: what their configs differ in, losses, speed")
    .argument("<a>", "a run folder")
    .argument("<b>", "another one")
    .option("--sheet <file>", "a PNG with both runs' sample sheets side by side")
    .option("--json", "as JSON")
    .action(async (a: string, b: string, options: import("./runs-compare.ts").RunsCompareOptions) =>
      (await import("./runs-compare.ts")).runsCompare(a, b, options),
    );

  runs
    .command("worst")
    .description("the training pictures that are learnt worst: wrong captions, damage, outliers")
    .argument("<run>", "a run folder")
    .option("--count <n>", "how many", wholeNumber(1), 20)
    .option("--stage <name>", "of this stage (default: the last one that was trained)")
    .option("--sheet <file>", "a PNG with thumbnails and captions")
    .option("--json", "as JSON")
    .action(async (run: string, options: import("./runs-worst.ts").RunsWorstOptions) =>
      (await import("./runs-worst.ts")).runsWorst(run, options),
    );
}
