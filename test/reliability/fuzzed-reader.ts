import { fileURLToPath } from "node:url";
import { PixArtTransformer2DModel } from "../../src/models/index.ts";
import { construct } from "../../src/nn/index.ts";
import * as torch from "../../src/torch/index.ts";

/** Something that reads files which come from elsewhere. */
export interface FuzzedReader {
  readonly name: string;
  /** Writes what it reads, intact, and gives the paths, below the folder, that are to be damaged. */
  prepare(folder: string): Promise<readonly string[]>;
  /** What a damaged file becomes before it is written: for formats that guard themselves by a checksum. */
  readonly seal?: (damaged: Buffer, folder: string) => Buffer;
  /** Reads all of it, to the end. */
  read(folder: string): Promise<void>;
}

/** A shipped model that readers are given copies of. */
export const BASE = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));

const TINY = {
  numAttentionHeads: 2,
  attentionHeadDim: 8,
  inChannels: 4,
  outChannels: 8,
  numLayers: 1,
  sampleSize: 4,
  crossAttentionDim: 16,
  captionChannels: 12,
} as const;

let transformer: PixArtTransformer2DModel | undefined;
/** The model that adapters are put on, made once. */
export const tinyTransformer = (): PixArtTransformer2DModel => {
  transformer ??= construct(
    { generator: torch.generator(1) },
    () => new PixArtTransformer2DModel(TINY),
  );
  return transformer;
};
