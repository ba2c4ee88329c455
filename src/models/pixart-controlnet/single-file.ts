import type { Device } from "../../torch/index.ts";
import {
  BadFileError,
  selectKeys,
  splitWeights,
  type WeightsFile,
  weightsOfFile,
} from "../../weights/index.ts";
import { pixArtControlNetOriginalKeys } from "../pixart/original-keys.ts";
import { readPixArtFile } from "../pixart/single-file.ts";
import type { FoundModel, SingleFileFacts } from "../single-file.ts";
import { type PixArtControlNetConfig, pixArtControlNetConfig } from "./config.ts";

/**
 * Reads the control part of a checkpoint of PixArt-δ's own code, and the configuration of its blocks from the transformer in the
 * same file. Throws BadFileError if there is no control part, and as for the transformer.
 */
export function readControlNetFile(
  file: WeightsFile,
  facts: SingleFileFacts,
  device: Device | undefined,
): FoundModel<PixArtControlNetConfig> {
  const stored = selectKeys(weightsOfFile(file, { device }), (key) =>
    key.startsWith("controlnet."),
  );
  const weights = splitWeights(stored, pixArtControlNetOriginalKeys);
  const keys = new Set(weights.keys());
  let numLayers = 0;
  while (keys.has(`controlnet_blocks.${numLayers}.after_proj.weight`)) numLayers++;
  if (numLayers === 0) {
    const found = `${file.tensors.size} tensors of something else`;
    throw new BadFileError(file.path, "tensors", "a ControlNet under controlnet.0", found);
  }
  const { config, assumptions } = readPixArtFile(file, facts);
  const { numAttentionHeads, attentionHeadDim, crossAttentionDim, attentionBias } = config;
  const { qkNorm, mlpRatio } = config;
  const sizes = { numAttentionHeads, attentionHeadDim, crossAttentionDim, mlpRatio };
  const dims = { ...sizes, attentionBias, qkNorm };
  const copied = pixArtControlNetConfig({ ...dims, numLayers });
  return { config: copied, weights, originalOnly: undefined, dropped: [], assumptions };
}
