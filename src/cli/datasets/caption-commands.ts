import type { Command } from "commander";
import { DATASET, FLAG_LIMITS, wholeNumber, withExamples } from "../terminal/arguments.ts";
import { readable } from "./dataset-commands.ts";

/** The paper's words to LLaVA (2310.00426, section 2.4). */
const PAPER_PROMPT = "Describe this image and its style in a very detailed manner";

/** Adds `pixart caption`. */
export function addCaptionCommands(program: Command): void {
  readable(
    withExamples(
      program.command("caption"),
      "caption my-pictures --endpoint http://localhost:8000/v1 --model llava-1.5-7b",
      "caption my-pictures --endpoint https://example.com/v1 --model name --api-key-env KEY --budget 100",
    )
      .description("ask a vision-language model for a dense caption of each picture of a data set")
      .argument("<location>", DATASET),
  )
    .requiredOption(
      "--endpoint <url>",
      "an OpenAI-compatible server, such as http://localhost:8000/v1: vLLM, llama.cpp, Ollama, a cloud",
    )
    .requiredOption("--model <name>", "the model's name there")
    .option("--api-key-env <variable>", "the environment variable that holds the key")
    .option("--prompt <text>", "the question; {} stands for the raw caption", PAPER_PROMPT)
    .option("--concurrency <n>", "concurrent requests", wholeNumber(1, FLAG_LIMITS.concurrency), 8)
    .option("--budget <n>", "stop after this many requests, retries included", wholeNumber(1))
    .option(
      "--token-budget <n>",
      "stop after this many tokens, as the server counts them",
      wholeNumber(1),
    )
    .option("--max-tokens <n>", "longest answer", wholeNumber(1, FLAG_LIMITS.answer), 1024)
    .option(
      "--max-side <pixels>",
      "pictures are sent no larger than this",
      wholeNumber(8, FLAG_LIMITS.side),
      768,
    )
    .option("--timeout <seconds>", "for one answer, up to 300", wholeNumber(1), 300)
    .option("--body <json>", "extra fields of the requests; null removes one")
    .option("--out <folder>", "a new data set with the captions, instead of metadata.jsonl")
    .option("--journal <file>", "the file that stores answers as they arrive")
    .option("--overwrite", "also ask for pictures that have a dense caption")
    .option("--sheet <file>", "an HTML page to review raw and dense captions")
    .option("--json", "as JSON")
    .action(async (location: string, options: import("./caption.ts").CaptionOptions) =>
      (await import("./caption.ts")).captionCommand(location, options),
    );
}
