import { type Command, Option } from "commander";
import {
  DEVICE,
  FLAG_LIMITS,
  number,
  QUANTIZE,
  wholeNumber,
  withExamples,
} from "../terminal/arguments.ts";

/** Adds `pixart serve`. */
export function addServeCommands(program: Command): void {
  withExamples(
    program.command("serve"),
    "serve emoji-demo",
    "serve emoji-small work_dirs/mine --port 8080",
    "serve fox=my-models/fox emoji-demo --api-key-file keys.txt --host 0.0.0.0",
    "serve my-model --device cuda:0,cuda:1 --dtype fastest --batch 8",
  )
    .description("run an image server for OpenAI's clients, which need only a new base URL")
    .argument(
      "<models...>",
      "models as for sample; name= in front of one renames it; the first is the default",
    )
    .option(
      "--host <address>",
      "the address to listen on; any that other machines can reach needs a key",
      "127.0.0.1",
    )
    .option(
      "--port <n>",
      "the port to listen on; 0 lets the system choose",
      wholeNumber(0, 65_535),
      7470,
    )
    .option("--api-key <key...>", "keys that callers must send (also PIXART_API_KEY)")
    .option("--api-key-file <file>", "the same from a file, one per line")
    .option("--allow-host <name...>", "other host names that requests may use, such as a proxy's")
    .option(
      "--allow-origin <origin...>",
      "web pages whose scripts may call the server, such as https://app.example",
    )
    .option("--public-url <address>", "the base URL of pictures, such as a proxy's")
    .option(
      "--max-queue <n>",
      "maximum number of pictures waiting or being drawn",
      wholeNumber(1, FLAG_LIMITS.pictures),
      64,
    )
    .option(
      "--max-pixels <n>",
      "maximum number of pixels of a picture",
      wholeNumber(1, 64_000_000),
      4_194_304,
    )
    .option(
      "--batch <n>",
      'pictures drawn at once, or "auto": as many as speed it up',
      batch,
      "auto",
    )
    .option(
      "--models-memory <gb>",
      "memory for all models together (default: 60 % of what is free)",
      number,
    )
    .addOption(
      new Option("--preview <way>", "how previews are made")
        .choices(["auto", "full", "taesd", "linear", "off"])
        .default("auto"),
    )
    .option("--taesd <place>", "a TAESD, a folder or a name on the Hub, for previews")
    .option("--adapter <name=place...>", "adapters that requests may use with the first model")
    .option("--device <names>", `${DEVICE}; several, separated by commas, draw in parallel`, "auto")
    .option("--dtype <type>", "float32, bfloat16, float16 or fastest, as for sample", "float32")
    .option("--quantize <type>", QUANTIZE)
    .option("--lenient", "accept unknown fields with a warning")
    .addOption(
      new Option("--log-level <level>", "what is logged on stderr, as JSON lines")
        .choices(["debug", "info", "warn", "error", "silent"])
        .default("info"),
    )
    .action(async (models: string[], options: import("../serve.ts").ServeCommandOptions) =>
      (await import("../serve.ts")).serveCommand(models, options),
    );
}

const batch = (text: string): number | "auto" =>
  text === "auto" ? text : wholeNumber(1, FLAG_LIMITS.pictures)(text);
