import type { Device } from "../torch/index.ts";
import {
  BadFileError,
  type TypedWeights,
  type WeightsFile,
  weightsOfFile,
} from "../weights/index.ts";

/** The transformer found in a file, and its key layout. */
export interface CheckpointLayout {
  readonly family: "PixArt" | "DiT";
  /** `original`: that of the code that the model was published with; `diffusers`: that of diffusers' class. */
  readonly layout: "original" | "diffusers";
  /** Prefix of every key of the transformer: empty, or the name that a wrapper added. */
  readonly prefix: string;
  /** The transformer's tensors without the prefix. */
  readonly weights: TypedWeights;
  /** Keys of the file that are not the transformer's. */
  readonly others: readonly string[];
}

/** The key of the first layer, for models of any size. */
const FIRST_LAYER = { original: "x_embedder.proj.weight", diffusers: "pos_embed.proj.weight" };

/** Keys that only one of the models has. */
const MARKS = [
  { family: "PixArt", layout: "original", key: "t_block.1.weight" },
  { family: "DiT", layout: "original", key: "y_embedder.embedding_table.weight" },
  { family: "PixArt", layout: "diffusers", key: "adaln_single.linear.weight" },
  { family: "DiT", layout: "diffusers", key: "proj_out_1.weight" },
] as const;

/**
 * Finds the transformer among a file's keys, under whatever prefix: `module.` of data parallelism, `transformer.` of diffengine,
 * `base_model.` of a ControlNet, `model.diffusion_model.` of ComfyUI. Throws BadFileError if there is none.
 */
export function findLayout(file: WeightsFile, device?: Device): CheckpointLayout {
  const keys = [...file.tensors.keys()];
  const fail = (found: string, advice?: string): BadFileError =>
    new BadFileError(file.path, "tensors", "a PixArt or DiT transformer", found, advice);
  if (keys.some((key) => key.includes(".lora_A.") || key.includes(".lora_B."))) {
    throw fail("an adapter (LoRA) for one", "load the base model, then the adapter");
  }
  const firstLayers = keys.filter((key) =>
    Object.values(FIRST_LAYER).some((end) => key === end || key.endsWith(`.${end}`)),
  );
  const [first, second] = firstLayers;
  if (second !== undefined) throw fail(`several: ${firstLayers.slice(0, 4).join(", ")}`);
  const mark = MARKS.find(({ layout, key }) => {
    const start = first?.endsWith(FIRST_LAYER[layout]) ? FIRST_LAYER[layout].length : undefined;
    return start !== undefined && file.tensors.has(`${first?.slice(0, -start)}${key}`);
  });
  if (first === undefined || mark === undefined) {
    throw fail(`${keys.length} tensors of something else: ${keys.slice(0, 4).join(", ")}`);
  }
  const prefix = first.slice(0, -FIRST_LAYER[mark.layout].length);
  return {
    family: mark.family,
    layout: mark.layout,
    prefix,
    weights: weightsOfFile(file, { prefix, device }),
    others: keys.filter((key) => !key.startsWith(prefix)),
  };
}
