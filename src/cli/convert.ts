import { type ConversionTarget, convertCheckpoint } from "../models/index.ts";
import { dtypes } from "../torch/index.ts";
import { say } from "./talk.ts";
import { UsageError } from "./usage-error.ts";

/** What `pixart convert` understands. */
export interface ConvertOptions {
  readonly to: string;
  readonly ema?: boolean;
  readonly dtype?: string;
  readonly sampleSize?: number;
  readonly interpolationScale?: number;
  readonly heads?: number;
  readonly json?: boolean;
}

const TARGETS: readonly ConversionTarget[] = ["diffusers", "original", "single-file"];
const FLOATS = dtypes.filter((dtype) => /^b?float(16|32)$/.test(dtype));

/** `pixart convert IN OUT` */
export async function convertCommand(
  input: string,
  output: string,
  options: ConvertOptions,
): Promise<void> {
  const to = TARGETS.find((target) => target === options.to);
  if (to === undefined) {
    throw new UsageError(`Expected ${TARGETS.join(", ")} for --to but received ${options.to}`);
  }
  const dtype = FLOATS.find((known) => known === options.dtype);
  if (dtype === undefined && options.dtype !== undefined) {
    throw new UsageError(`Expected ${FLOATS.join(", ")} for --dtype but received ${options.dtype}`);
  }
  const { ema, sampleSize, interpolationScale, heads: numAttentionHeads } = options;
  const facts = { ema, sampleSize, interpolationScale, numAttentionHeads };
  const report = await namingFlags(() => convertCheckpoint(input, output, { to, dtype, ...facts }));
  say(`Found ${report.found}`);
  for (const assumption of report.assumptions) say(`Assumed: ${assumption}`);
  for (const name of report.dropped) say(`Dropped ${name}${WHY[name] ?? ""}`);
  for (const name of report.added) say(`Added ${name}${WHY[name] ?? ""}`);
  say(`Read back: ${report.compared} tensors are equal`);
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : `${report.path}\n`);
}

/** The flags of what a program gives as options. */
const FLAGS: Readonly<Record<string, string>> = {
  sampleSize: "--sample-size",
  interpolationScale: "--interpolation-scale",
  numAttentionHeads: "--heads",
};

/** Errors that ask for an option name its flag. */
async function namingFlags<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof Error) {
      const pattern = new RegExp(`\\b(${Object.keys(FLAGS).join("|")})\\b`, "g");
      error.message = error.message.replace(pattern, (name) => FLAGS[name] ?? name);
    }
    throw error;
  }
}

const WHY: Readonly<Record<string, string>> = {
  pos_embed: ", the table of positions, which follows from the configuration",
  "y_embedder.y_embedding": ', the null caption of training: diffusers encodes "" instead',
};
