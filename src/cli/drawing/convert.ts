import {
  type ConversionTarget,
  convertCheckpoint,
  type KVCompressConfig,
  kvSamplings,
  MissingFactError,
} from "../../models/index.ts";
import { dtypes } from "../../torch/index.ts";
import { printResult } from "../terminal/output.ts";
import { say } from "../terminal/talk.ts";
import { UsageError } from "../terminal/usage-error.ts";

/** Options of `pixart convert`. */
export interface ConvertOptions {
  readonly to: string;
  readonly ema?: boolean;
  readonly dtype?: string;
  readonly sampleSize?: number;
  readonly interpolationScale?: number;
  readonly heads?: number;
  readonly kvCompressionSampling?: string;
  readonly kvCompressionScale?: number;
  readonly kvCompressionLayers?: string;
  readonly classes?: number;
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
  const { ema, sampleSize, interpolationScale, heads: numAttentionHeads, classes } = options;
  const report = await convertCheckpoint(input, output, {
    to,
    dtype,
    ema,
    sampleSize,
    interpolationScale,
    numAttentionHeads,
    numClasses: classes,
    kvCompressConfig: compressionOf(options),
  }).catch((error: unknown) => {
    if (!(error instanceof MissingFactError)) throw error;
    throw new MissingFactError(
      error.message.replace(/^Expected (\w+)/, (text, name) => `Expected ${FLAGS[name] ?? text}`),
      { cause: error },
    );
  });
  say(`Found ${report.found}`);
  for (const assumption of report.assumptions) say(`Assumed: ${assumption}`);
  for (const name of report.dropped)
    say(`Dropped ${name}${WHY[name.split(" ", 1)[0] ?? ""] ?? ""}`);
  for (const name of report.added) say(`Added ${name}${WHY[name] ?? ""}`);
  say(`Read back: ${report.compared} tensors are equal`);
  printResult(options.json ? JSON.stringify(report) : report.path);
}

/** The flags for facts that a file does not contain. */
const FLAGS: Readonly<Record<string, string>> = {
  sampleSize: "--sample-size",
  interpolationScale: "--interpolation-scale",
  numAttentionHeads: "--heads",
};

function compressionOf(options: ConvertOptions): KVCompressConfig | undefined {
  const { kvCompressionSampling: name, kvCompressionScale: scaleFactor = 2 } = options;
  const { kvCompressionLayers: layers = "14-27" } = options;
  if (name === undefined) return undefined;
  const sampling = kvSamplings.find((known) => known === name);
  if (sampling === undefined) {
    throw new UsageError(
      `Expected ${kvSamplings.join(", ")} for --kv-compression-sampling but received ${name}`,
    );
  }
  return { sampling, scaleFactor, kvCompressLayer: layersOf(layers) };
}

/** Layers such as `14-27` or `0,2,4-6`, counted from 0. */
function layersOf(text: string): readonly number[] {
  const layers = text.split(",").flatMap((part) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part.trim()) ?? [];
    const length = Number(last) - Number(first) + 1;
    return length > 0 && Number(last) < MOST_LAYERS
      ? Array.from({ length }, (_, i) => Number(first) + i)
      : [Number.NaN];
  });
  if (layers.every((layer) => layer < MOST_LAYERS)) return layers;
  throw new UsageError(
    `Expected layers such as 14-27 or 0,2,4 for --kv-compression-layers but received ${text}`,
  );
}

const MOST_LAYERS = 1000;

const WHY: Readonly<Record<string, string>> = {
  pos_embed: ", the table of positions, which follows from the configuration",
  kvCompressConfig: ", which has no weights: pass it to whatever reads this layout",
  "y_embedder.y_embedding": ', the null caption of training: diffusers encodes "" instead',
};
