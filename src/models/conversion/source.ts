import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  BadFileError,
  loadModelFolder,
  openWeightsFile,
  type WeightsFile,
  weightsOfFile,
} from "../../weights/index.ts";
import { findLayout } from "../checkpoint-layout.ts";
import { diTConversion } from "../dit/conversion.ts";
import { requireHeld } from "../held-layers.ts";
import { pixArtConversion } from "../pixart/conversion.ts";
import type { FoundModel, SingleFileFacts } from "../single-file.ts";
import type { ConversionFamily } from "./family.ts";

/** A model to convert, whose tensors are read as they are written. */
export interface ConversionSource<C> extends FoundModel<C> {
  readonly family: ConversionFamily<C>;
  readonly file: WeightsFile;
  /** Location of the weights in the input. */
  readonly place: string;
}

/** Calls `use` with the content of `path` and closes it afterwards: a file of any layout, a model folder or a pipeline's. */
export async function withSource<T>(
  path: string,
  facts: SingleFileFacts & { readonly ema?: boolean | undefined },
  use: <C>(source: ConversionSource<C>) => Promise<T>,
): Promise<T> {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    if (facts.ema) {
      throw new BadFileError(
        path,
        "folder",
        "averaged weights",
        "a model folder, which has one set",
      );
    }
    const isPipeline = existsSync(join(path, "model_index.json"));
    const subfolder = isPipeline ? "transformer" : "";
    using folder = loadModelFolder(path, { baseName: "diffusion_pytorch_model", subfolder });
    const normType = folder.config.norm_type;
    const className = folder.config._class_name;
    const isDiT = className === "DiTTransformer2DModel" || normType === "ada_norm_zero";
    const { num_layers: says } = folder.config;
    if (typeof says === "number") {
      const count = { field: "num_layers", says, start: "transformer_blocks." };
      requireHeld(join(folder.path, "config.json"), folder.tensors.keys(), [count]);
    }
    const place = `diffusers' layout in ${folder.path}`;
    const read = <C>(family: ConversionFamily<C>): ConversionSource<C> => {
      const config = family.readConfig(folder.config, join(folder.path, "config.json"));
      const weights = family.own(weightsOfFile(folder), config);
      const nothing = { originalOnly: undefined, dropped: [], assumptions: [] };
      return { ...nothing, family, file: folder, place, config, weights };
    };
    return isDiT ? await use(read(diTConversion)) : await use(read(pixArtConversion));
  }
  using file = openWeightsFile(path, facts);
  const { family, layout, prefix } = findLayout(file);
  const state = file.state === undefined ? "" : `${file.state} of `;
  const under = prefix === "" ? "" : `, under ${prefix.slice(0, -1)}`;
  const place = `${layout === "original" ? "the original" : "diffusers'"} layout in ${state}${path}${under}`;
  const read = <C>(known: ConversionFamily<C>): ConversionSource<C> => {
    const found = known.readFile(file, facts);
    return {
      ...found,
      weights: known.own(found.weights, found.config),
      family: known,
      file,
      place,
    };
  };
  return family === "DiT" ? await use(read(diTConversion)) : await use(read(pixArtConversion));
}
