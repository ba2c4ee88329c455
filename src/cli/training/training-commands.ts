import { type Command, Option } from "commander";
import { DEVICE, FLAG_LIMITS, number, wholeNumber, withExamples } from "../terminal/arguments.ts";

/** Adds the commands that train and publish. */
export function addTrainingCommands(program: Command): void {
  withExamples(program.command("recipes"), "recipes", "recipes --json")
    .description("list the recipes that come with the package: what each is for, and its data")
    .option("--json", "as JSON")
    .action(async (options: { json?: boolean }) =>
      (await import("../configs.ts")).listConfigs(options),
    );

  withExamples(
    program.command("config"),
    "config pixart_alpha_64_emoji_blip > mine.json",
    "config mine.json --cfg-options stages.0.steps=100",
  )
    .description("print a recipe with every default written out")
    .argument("<config>", "a file, or the name of a recipe")
    .option("--cfg-options <key=value...>", "changes to the config, such as stages.0.steps=100")
    .action(async (config: string, options: { cfgOptions?: string[] }) =>
      (await import("../configs.ts")).printConfig(config, options.cfgOptions),
    );

  withExamples(
    program.command("train"),
    "train pixart_alpha_64_emoji_blip --cfg-options dataset.folder=my-pictures",
    "train mine.ts --dry-run --json",
    "train mine.ts --work-dir work_dirs/mine --resume",
    'train emoji_full --cfg-options stages.0.steps=100 \'sampling.prompts=["a fox","a cat"]\'',
  )
    .description("train the stages of a config")
    .argument("<config>", "a file, or the name of a recipe (see: pixart recipes)")
    .option("--work-dir <folder>", "the run folder (default: work_dirs/<name>)")
    .option(
      "--resume [place]",
      "continue from the newest checkpoint of the run folder, or of the run at this place, with its own config",
    )
    .option(
      "--dry-run",
      "print the plan and the forecast of memory and disk, check every picture, and stop",
    )
    .option(
      "--json",
      "as JSON: the outcome, with --dry-run the plan, with --prove-resume the differences",
    )
    .option(
      "--rehearsal",
      "try a save, a sample and a step before each stage (default: large models only)",
    )
    .option("--no-rehearsal", "never rehearse, and start even if it does not seem to fit")
    .option(
      "--prove-resume [n]",
      "train n steps, kill, resume for n more, and compare with 2n uninterrupted ones (n: 4)",
      wholeNumber(1, FLAG_LIMITS.steps),
    )
    .option(
      "--accept-changed-data",
      "with --resume: continue although pictures or captions have changed",
    )
    .option("--accept-other-run", "with --resume: continue from checkpoints that another run saved")
    .option(
      "--amp",
      "mixed precision: large products in bfloat16 in every stage; weights stay float32",
    )
    .option("--device <name>", `${DEVICE} (default: as the config says)`)
    .option("--gpus <n>", "processes on this machine, each with its own batches", wholeNumber(1))
    .option(
      "--launcher <name>",
      "what starts the processes: pytorch (this command, or torchrun), slurm, mpi or none (default: detected)",
    )
    .option(
      "--max-restarts <n>",
      "with --gpus: restart all of them up to n times after a failure",
      wholeNumber(0, FLAG_LIMITS.restarts),
    )
    .option(
      "--cfg-options <key=value...>",
      "changes to the config, such as stages.0.steps=100; with --resume: to the run's own, where it can change",
    )
    .action(async (config: string, options: import("./train.ts").TrainCommandOptions) =>
      (await import("./train.ts")).trainCommand(config, options),
    );

  withExamples(
    program.command("finetune"),
    "finetune emoji-small my-drawings --goal style --minutes 20",
    'finetune PixArt-alpha/PixArt-XL-2-512x512 my-dog --goal subject --minutes 60 --word "sks dog"',
    "finetune emoji-small my-drawings --goal style --minutes 20 --dry-run --json",
  )
    .description("fine-tune on a folder of pictures for a goal, in the time that you allow")
    .argument(
      "<base>",
      "the model to start from: a pipeline's folder, or a model of this package or on the Hub",
    )
    .argument("<folder>", "captioned pictures; a subject needs no captions")
    .addOption(
      new Option(
        "--goal <goal>",
        "style: a LoRA for a look; subject: a LoRA for one thing or person; full: all weights",
      )
        .choices(["style", "subject", "full"])
        .makeOptionMandatory(),
    )
    .requiredOption("--minutes <n>", "how long it may take", number)
    .option("--word <word>", "the word for the style or thing (default: the folder's name)")
    .option("--work-dir <folder>", "the run folder (default: work_dirs/<folder>-<goal>)")
    .option("--device <name>", `${DEVICE} (default: as the config says)`)
    .option("--dry-run", "measure a step, print the plan and the config, and stop")
    .option("--json", "with --dry-run: both as JSON on stdout")
    .option("--cfg-options <key=value...>", "changes to the generated config, as for train")
    .action(
      async (
        base: string,
        folder: string,
        options: import("./finetune.ts").FinetuneCommandOptions,
      ) => (await import("./finetune.ts")).finetuneCommand(base, folder, options),
    );

  withExamples(
    program.command("precompute"),
    "precompute mine.ts --cfg-options dataset.cache.folder=features",
    "precompute mine.ts --shard 2/4 --cfg-options dataset.cache.folder=features",
  )
    .description("fill the feature cache of a config without training, on one machine or many")
    .argument("<config>", "a file, or the name of a recipe")
    .option(
      "--shard <i/n>",
      "only part i of n; all parts write into one dataset.cache.folder",
      "1/1",
    )
    .option(
      "--caption-features <folder>",
      "captions encoded by PixArt's extract_features.py (.npz), used if they fit",
    )
    .option("--dense-caption-features <folder>", "the same for dense captions, Σ's sharegpt4v")
    .option(
      "--latent-features <folder>",
      "pictures encoded by PixArt's extract_features.py (.npy), used if they fit",
    )
    .option("--device <name>", `${DEVICE} (default: as the config says)`)
    .option("--work-dir <folder>", "the run folder, if the config has no dataset.cache.folder")
    .option("--cfg-options <key=value...>", "changes to the config, as for train")
    .option("--json", "what is in the cache, as JSON")
    .action(async (config: string, options: import("./precompute.ts").PrecomputeCommandOptions) =>
      (await import("./precompute.ts")).precomputeCommand(config, options),
    );

  withExamples(
    program.command("publish"),
    "publish work_dirs/mine my-model",
    "publish work_dirs/mine/checkpoints/finetune/step-00000200 my-model",
    "publish work_dirs/mine out --save-keys transformer",
  )
    .alias("publish_model2diffusers")
    .description(
      "write a run as a pipeline folder that Python's diffusers loads unchanged, or its adapters as PEFT folders",
    )
    .argument(
      "<places...>",
      "RUN OUT, or CONFIG RUN OUT: a run folder or one of its checkpoints, and a new folder",
    )
    .option("--save-keys <names...>", "only these: transformer, vae, text_encoder")
    .option("--merge", "for a run that trained adapters: the whole pipeline with them merged in")
    .option("--dtype <type>", "float32 or bfloat16 (default: as the config says)")
    .option("--raw", "the weights as trained, not their averages")
    .option("--json", "what was published and how it compares, as JSON")
    .action(async (places: string[], options: import("./publish.ts").PublishCommandOptions) =>
      (await import("./publish.ts")).publishCommand(places, options),
    );
}
