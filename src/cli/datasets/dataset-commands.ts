import type { Command } from "commander";
import { DATASET, FLAG_LIMITS, wholeNumber, withExamples } from "../terminal/arguments.ts";

/** Adds the options for reading a data set. */
export const readable = (command: Command): Command =>
  command
    .option("--revision <name>", "branch, tag or commit of a data set on the Hub")
    .option("--layout <name>", "the layout to read if a folder has several")
    .option("--image-column <name>", "column of the picture, if not file_name, image or file")
    .option("--text-column <name>", "column of the caption, if not text, caption or prompt");

/** Adds the subcommands of `pixart dataset`. */
export function addDatasetCommands(dataset: Command): void {
  const trainable = (command: Command): Command =>
    readable(command).option(
      "--instance-prompt <caption>",
      "one caption for all pictures, as in DreamBooth",
    );

  trainable(
    withExamples(
      dataset.command("check"),
      "dataset check my-pictures --size 512 --sheet sheet.png",
      "dataset check lambdalabs/naruto-blip-captions",
    )
      .description(
        "check every picture and caption: counts, sizes, buckets, duplicates, what can't be read",
      )
      .argument("<location>", DATASET),
  )
    .option(
      "--control-column <name>",
      "column of the control pictures, if not control_image or conditioning_image",
    )
    .option("--control-folder <folder>", "folder of the control pictures, named like the pictures")
    .option("--for <recipe>", "take size and batch from this recipe or config")
    .option(
      "--size <pixels>",
      "training resolution (default: 1024)",
      wholeNumber(8, FLAG_LIMITS.side),
    )
    .option("--batch <n>", "pictures per batch (default: 1)", wholeNumber(1, FLAG_LIMITS.pictures))
    .option(
      "--tokenizer <folder>",
      "count tokens of captions with it: a folder or a name on the Hub",
    )
    .option("--max-length <tokens>", "longest caption", wholeNumber(1, FLAG_LIMITS.length), 120)
    .option("--sheet <file>", "a PNG with thumbnails and captions")
    .option("--json", "as JSON")
    .action(async (location: string, options: import("./dataset-check.ts").DatasetCheckOptions) =>
      (await import("./dataset-check.ts")).datasetCheck(location, options),
    );

  trainable(
    withExamples(
      dataset.command("convert"),
      "dataset convert my-pictures my-tars --to webdataset",
      "dataset convert data/openmoji data/openmoji-parquet --to parquet",
    )
      .description("write a data set in another layout; the pictures' bytes stay as they are")
      .argument("<in>", DATASET)
      .argument("<out>", "a new folder"),
  )
    .requiredOption(
      "--to <layout>",
      "side-cars, jsonl, csv, captions, parquet, webdataset or pixart-json",
    )
    .option("--max-shard-mb <n>", "size of a parquet file or tar (default: 500)", wholeNumber(1))
    .option("--json", "what was written, as JSON")
    .action(
      async (
        location: string,
        out: string,
        options: import("./dataset-convert.ts").DatasetConvertOptions,
      ) => (await import("./dataset-convert.ts")).datasetConvert(location, out, options),
    );

  readable(
    withExamples(
      dataset.command("nouns"),
      "dataset nouns my-pictures",
      "dataset nouns my-pictures --sheet nouns.png",
    )
      .description("count the nouns of captions, the paper's measure of how much they say")
      .argument("<location>", DATASET),
  )
    .option("--sheet <file>", "a PNG with the counts and the nouns per caption")
    .option("--json", "as JSON")
    .action(async (location: string, options: import("./dataset-nouns.ts").DatasetNounsOptions) =>
      (await import("./dataset-nouns.ts")).datasetNouns(location, options),
    );

  withExamples(
    dataset.command("emoji"),
    "dataset emoji data/emoji",
    "dataset emoji data/openmoji --style openmoji --limit 800",
  )
    .description("render the open emoji sets into a folder of captioned pictures")
    .argument("<out>", "a new folder")
    .option("--size <pixels>", "side of the pictures", wholeNumber(8, FLAG_LIMITS.side), 64)
    .option("--style <name>", "one style only; captions then don't name it")
    .option("--limit <n>", "at most this many pictures, spread evenly", wholeNumber(1))
    .option("--json", "what was drawn, as JSON")
    .action(async (out: string, options: import("./dataset.ts").DatasetEmojiOptions) =>
      (await import("./dataset.ts")).datasetEmoji(out, options),
    );
}
