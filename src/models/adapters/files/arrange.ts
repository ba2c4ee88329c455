import type { Module } from "../../../nn/index.ts";
import type { Tensor } from "../../../torch/index.ts";
import { BadFileError, type WeightsFile } from "../../../weights/index.ts";
import { MAGNITUDE } from "../kinds/decomposed.ts";
import { B, B_BIAS } from "../kinds/lora.ts";
import { type Component, DORA_SCALE, parseFileKey } from "./file-keys.ts";
import { LayerNames } from "./layer-names.ts";

/** A tensor of a file, or some rows of one. */
export interface FileTensor {
  /** Its key in the file. */
  readonly key: string;
  readonly shape: readonly number[];
  readonly read: () => Tensor;
}

/** A file's tensors for one layer, by what they are. */
export type LayerTensors = ReadonlyMap<string, FileTensor>;

/** A file's tensors, grouped by the layers of a model. */
export interface ArrangedFile {
  readonly layers: ReadonlyMap<string, LayerTensors>;
  /** The name that the file has for this model in its pipeline. */
  readonly component: Component | undefined;
  /** Keys that name another model of the pipeline. */
  readonly others: readonly string[];
  /** Keys that no known format explains. */
  readonly unknown: readonly string[];
}

/**
 * Groups the tensors of an adapter's file, whichever program wrote it, by the layers of a model: all its tensors, or those whose
 * keys name one model of the pipeline.
 */
export function arrange(model: Module, file: WeightsFile, only?: Component): ArrangedFile {
  const names = new LayerNames(model);
  const layers = new Map<string, Map<string, FileTensor>>();
  const components = new Set<Component | undefined>();
  const unresolved: [key: string, component: Component | undefined][] = [];
  for (const [key, { shape }] of file.tensors) {
    if (isCopy(key, file)) continue;
    const parsed = parseFileKey(key);
    if (only !== undefined && parsed?.component !== only) continue;
    const found = parsed && names.find(parsed);
    if (parsed === undefined || found === undefined) {
      unresolved.push([key, parsed?.component]);
      continue;
    }
    components.add(parsed.component);
    for (const [part, layer] of found.entries()) {
      const tensors = layers.get(layer) ?? new Map<string, FileTensor>();
      const { ending } = parsed;
      const same = tensors.get(ending);
      if (same !== undefined) {
        const found = `${same.key} and ${key}`;
        throw new BadFileError(file.path, "tensors", `one ${ending} for ${layer}`, found);
      }
      const whole: FileTensor = { key, shape, read: () => file.tensor(key) };
      tensors.set(ending, found.length === 1 ? whole : partOf(file, ending, whole, [part, found]));
      layers.set(layer, tensors);
    }
  }
  const isForText = components.has("text_encoder");
  // A file for several models has tensors for the transformer and for the text encoder.
  const isOther = (component: Component | undefined): boolean =>
    components.size > 0 && component !== undefined && isForText !== (component === "text_encoder");
  const keys = (of: boolean): string[] =>
    unresolved.flatMap(([key, component]) => (isOther(component) === of ? [key] : []));
  return {
    layers,
    component: [...components].find((one) => one !== undefined),
    others: keys(true),
    unknown: keys(false),
  };
}

/**
 * Whether a key is one that PEFT's files with all biases repeat for whole modules: the untrained bias, and the trained one where the
 * module has it under its own name (PEFT `tuners_utils.py` _get_learnable_bias_state_dict).
 */
const isCopy = (key: string, { tensors }: WeightsFile): boolean =>
  key.endsWith(".original_module.bias") ||
  (key.endsWith(".modules_to_save.bias") && tensors.has(key.replace(".modules_to_save.", ".")));

/** Tensors with one row per output of the layer, so that a part of the layer has a part of the rows. */
const byRows: ReadonlySet<string> = new Set([
  ...[B, B_BIAS, MAGNITUDE, DORA_SCALE, "diff", "diff_b", "weight", "bias"],
  ...["hada_w1_a", "hada_w2_a", "lokr_w1", "lokr_w1_a"],
]);

/** The share of one layer in a tensor for several. */
function partOf(
  file: WeightsFile,
  ending: string,
  whole: FileTensor,
  [part, layers]: readonly [part: number, layers: readonly string[]],
): FileTensor {
  const { key, shape, read } = whole;
  if (!byRows.has(ending)) return whole;
  const [rows = 0, ...rest] = shape;
  const size = rows / layers.length;
  if (!Number.isInteger(size) || size === 0) {
    throw new BadFileError(
      file.path,
      `tensor ${JSON.stringify(key)}`,
      `rows in ${layers.length} equal parts, for ${layers.join(", ")}`,
      `[${shape.join(", ")}]`,
    );
  }
  return {
    key,
    shape: [size, ...rest],
    read: () =>
      read()
        .narrow(0, part * size, size)
        .clone(),
  };
}
