import { lstatSync } from "node:fs";
import { join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { TargetExistsError, UnsupportedError, VerificationError } from "../../errors/index.ts";
import { makeFolder } from "../../files/make-folder.ts";
import { Staging } from "../../files/staging.ts";
import type { DType } from "../../torch/index.ts";
import {
  joinWeights,
  type LazyTensor,
  lazyTensors,
  writeConfig,
  writeLazySafetensors,
  writeTorchFile,
} from "../../weights/index.ts";
import { positionTable } from "../embeddings.ts";
import type { SingleFileFacts } from "../single-file.ts";
import { type ConversionSource, withSource } from "./source.ts";

/** Output of {@link convertCheckpoint}: a model folder, a `.pth` in the original layout, or the same as safetensors. */
export type ConversionTarget = "diffusers" | "original" | "single-file";

/** Options of {@link convertCheckpoint}. */
export interface ConversionOptions extends SingleFileFacts {
  readonly to: ConversionTarget;
  /** The averaged (EMA) weights of a training checkpoint. */
  readonly ema?: boolean | undefined;
  /** Element type of the written weights. Default: the input's. */
  readonly dtype?: DType | undefined;
}

/** Report of a conversion. */
export interface ConversionReport {
  /** The model, its location, and its layout. */
  readonly found: string;
  readonly assumptions: readonly string[];
  /** Tensors of the input that are not in the output, one entry per tensor or group. */
  readonly dropped: readonly string[];
  /** Tensors of the output that are not in the input. */
  readonly added: readonly string[];
  readonly path: string;
  /** How many tensors were read back and found equal. */
  readonly compared: number;
}

/**
 * Converts a PixArt or DiT between layouts, one tensor in memory at a time. `input` is a checkpoint or weight file of any layout,
 * a model folder, or a pipeline's folder. The output gets its name only after it was read back and every tensor found equal.
 * Throws if the input is damaged, if neither it nor the options say what is needed, and if `output` exists.
 */
export async function convertCheckpoint(
  input: string,
  output: string,
  options: ConversionOptions,
): Promise<ConversionReport> {
  const path = resolve(output);
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
    throw new TargetExistsError(
      `Expected a new path to write to but received ${output}, which exists`,
    );
  }
  return withSource(input, options, async (source) => {
    await using staging = await Staging.beside(path);
    const written = await write(source, staging.path, options);
    const compared = await compare(source, staging.path, options.dtype);
    return { ...written, path: await staging.publish(), compared };
  });
}

async function write<C>(
  source: ConversionSource<C>,
  path: string,
  { to, dtype }: ConversionOptions,
): Promise<Omit<ConversionReport, "path" | "compared">> {
  const { family, config, weights, place, assumptions } = source;
  const found = `${family.describe(config)}, in ${place}`;
  if (to === "diffusers") {
    const reason = family.notDiffusers(config);
    if (reason !== undefined) {
      throw new UnsupportedError(
        `Expected a model that diffusers can compute but received one with ${reason}; load the file itself, or convert it to original or single-file`,
      );
    }
    const tensors = family.toDiffusers(lazyTensors(weights, dtype), config);
    await makeFolder(path);
    await writeConfig(join(path, "config.json"), family.writeConfig(config));
    const name = "diffusion_pytorch_model.safetensors";
    await writeLazySafetensors(join(path, name), tensors, { format: "pt" });
    return { found, assumptions, dropped: source.dropped, added: [] };
  }
  const tensors = originalTensors(source, dtype);
  if (to === "original") await writeTorchFile(path, tensors);
  else await writeLazySafetensors(path, tensors, { format: "pt" });
  const dropped = [
    ...source.dropped.filter((name) => !tensors.has(name)),
    ...family.unwritten(config),
  ];
  const added = source.dropped.includes(POSITIONS) ? [] : [POSITIONS];
  return { found, assumptions, dropped, added };
}

const POSITIONS = "pos_embed";

/** The tensors in the original layout, with the position table, from which readers derive the picture size. */
function originalTensors<C>(
  { family, config, weights, originalOnly }: ConversionSource<C>,
  dtype: DType | undefined,
): Map<string, LazyTensor> {
  const reason = family.notOriginal(config);
  if (reason !== undefined) {
    throw new UnsupportedError(
      `Expected a model that the original code can compute but received one with ${reason}`,
    );
  }
  const tensors = lazyTensors(joinWeights(weights, family.originalKeys), dtype);
  const grid = family.positions(config);
  const first = [...tensors.values()][0]?.dtype ?? "float32";
  const positions = lazyTensors(
    {
      keys: () => [POSITIONS],
      shape: () => [1, grid.h * grid.w, grid.width],
      dtype: () => "float32",
      tensor: () => positionTable(grid),
    },
    first,
  );
  const extra = originalOnly === undefined ? [] : lazyTensors(originalOnly, dtype);
  return new Map([...positions, ...tensors, ...extra]);
}

/** Reads the output back and compares it with the input. Throws at the first difference. */
async function compare<C>(
  source: ConversionSource<C>,
  path: string,
  dtype: DType | undefined,
): Promise<number> {
  const { family, config } = source;
  const differ = (what: string): Error =>
    new VerificationError(`Expected to read back what was written but found a different ${what}`);
  return withSource(path, family.facts(config), async (again) => {
    if (!isDeepStrictEqual(again.family.essence(again.config), family.essence(config))) {
      throw differ("configuration");
    }
    const expected = lazyTensors(source.weights, dtype);
    const found = lazyTensors(again.weights);
    if (found.size !== expected.size) throw differ("number of tensors");
    for (const [key, tensor] of expected) {
      const other = found.get(key);
      const isSame =
        other?.dtype === tensor.dtype &&
        `${other.shape}` === `${tensor.shape}` &&
        Buffer.compare(other.bytes(), tensor.bytes()) === 0;
      if (!isSame) throw differ(`tensor for ${key}`);
    }
    return expected.size;
  });
}
