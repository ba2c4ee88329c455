/** Runs of `pixart train` and what they learn from. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { prepareCaption, T5Tokenizer } from "../src/text/index.ts";
import { parseEvent } from "../src/training/run-folder/events.ts";
import { median } from "./measure.ts";
import { EXAMPLE } from "./models.ts";
import { pixart, runCommand } from "./processes.ts";
import type { Run } from "./sides.ts";

/** Of every picture, so that both sides attend to equally many tokens. */
export const CAPTION = "a small red apple on a white background, noto style";

/** Tokens of {@link CAPTION}. */
export async function captionTokens(): Promise<number> {
  const tokenizer = await T5Tokenizer.fromPretrained(EXAMPLE, { subfolder: "tokenizer" });
  const options = { maxLength: 120, padding: "longest" } as const;
  return tokenizer.encode([prepareCaption(CAPTION)], options).inputIds.length;
}

/** Renders emoji into a new folder, all with {@link CAPTION}. */
export async function makePictures(folder: string, pixels: number, count: number): Promise<void> {
  const size = ["--size", `${pixels}`, "--style", "noto", "--limit", `${count}`];
  await runCommand(process.execPath, pixart("dataset", "emoji", folder, ...size));
  const list = join(folder, "metadata.jsonl");
  const lines = readFileSync(list, "utf8").trimEnd().split("\n");
  const names = lines.map((line) => (JSON.parse(line) as { file_name: string }).file_name);
  const told = names.map((name) => `${JSON.stringify({ file_name: name, text: CAPTION })}\n`);
  writeFileSync(list, told.join(""));
}

/** Trains in a new run folder, which is removed. The seconds are the median of a step's, the first `warm` left out. */
export async function trainingRun(
  folder: string,
  config: string,
  options: readonly string[],
  warm: number,
): Promise<Run> {
  const run = join(folder, "run");
  rmSync(run, { recursive: true, force: true });
  const flags = ["--work-dir", run, "--no-rehearsal"];
  const { peak } = await runCommand(
    process.execPath,
    pixart("train", config, ...flags, ...options),
  );
  const lines = readFileSync(join(run, "events.jsonl"), "utf8").trimEnd().split("\n");
  rmSync(run, { recursive: true });
  const steps = lines.flatMap((line) => {
    const event = parseEvent(line);
    return event?.type === "step" ? [event.seconds] : [];
  });
  const seconds = steps.map((parts) => Object.values(parts).reduce((sum, part) => sum + part, 0));
  return { seconds: median(seconds.slice(warm)), peak };
}
