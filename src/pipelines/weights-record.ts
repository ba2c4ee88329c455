import { basename } from "node:path";
import { appliedAdapters } from "../models/adapters/adapter.ts";
import { type AppliedAdapter, T5EncoderModel } from "../models/index.ts";
import { QuantizedLinear } from "../nn/index.ts";
import type { WeightsRecord, WeightsSource } from "./generation-record.ts";
import type { PixArtAlphaComponents } from "./pixart-alpha-components.ts";
import { LazyModel } from "./prompts/lazy-model.ts";

/** The parts of a pipeline whose weights are recorded. */
interface RecordedParts extends Pick<PixArtAlphaComponents, "transformer" | "textEncoder"> {
  readonly source: WeightsSource | undefined;
}

/**
 * The weights that a pipeline draws with now: where they came from, their number type and the adapters. What can't be read any
 * more is left out, with a warning: the pictures have been drawn.
 */
export async function weightsRecord(
  { transformer, textEncoder, source }: RecordedParts,
  onWarning: (message: string) => void,
): Promise<WeightsRecord> {
  const modules = [...transformer.namedModules()];
  const isQuantized = modules.some(([, module]) => module instanceof QuantizedLinear);
  const { dtype } = transformer;
  const applied = [...appliedAdapters(transformer), ...adaptersOfText(textEncoder)];
  const adapters = await adapterRecords(applied, onWarning);
  return {
    ...(await sourceRecord(source, onWarning)),
    dtype,
    ...(isQuantized && { quantize: "int8" }),
    ...(adapters.length > 0 && { adapters }),
  };
}

async function sourceRecord(
  source: WeightsSource | undefined,
  onWarning: (message: string) => void,
): Promise<Pick<WeightsRecord, "model" | "modelHash">> {
  try {
    return source === undefined ? {} : { model: source.name, modelHash: await source.hash() };
  } catch (error) {
    onWarning(`The pictures do not record their model: ${(error as Error).message}`);
    return {};
  }
}

const adaptersOfText = (textEncoder: RecordedParts["textEncoder"]): readonly AppliedAdapter[] => {
  if (textEncoder instanceof T5EncoderModel) return appliedAdapters(textEncoder);
  return textEncoder instanceof LazyModel ? textEncoder.adapters : [];
};

/** One record per name and scale: an adapter may have a part on the transformer and one on the text encoder. */
function adapterRecords(
  applied: readonly AppliedAdapter[],
  onWarning: (message: string) => void,
): Promise<NonNullable<WeightsRecord["adapters"]>> {
  const partsOf = ({ name, scale }: AppliedAdapter): readonly AppliedAdapter[] =>
    applied.filter((other) => other.name === name && other.scale === scale);
  const firsts = applied.filter((each) => partsOf(each)[0] === each);
  return Promise.all(
    firsts.map(async (first) => {
      const { name, scale } = first;
      const hash = await hashOf(partsOf(first), onWarning);
      // A path is nobody else's business.
      return { name: basename(name), scale, ...(hash !== undefined && { hash }) };
    }),
  );
}

/** Of parts in different files, each its own. */
async function hashOf(
  parts: readonly AppliedAdapter[],
  onWarning: (message: string) => void,
): Promise<string | undefined> {
  try {
    const hashes = await Promise.all(parts.map((part) => part.hash()));
    return hashes.includes(undefined) ? undefined : [...new Set(hashes)].join("+");
  } catch (error) {
    onWarning(
      `The pictures do not record what their adapters contain: ${(error as Error).message}`,
    );
    return undefined;
  }
}
