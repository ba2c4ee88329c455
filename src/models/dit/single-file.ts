import { InvalidValueError } from "../../errors/index.ts";
import type { Device } from "../../torch/index.ts";
import { BadFileError, selectKeys, splitWeights, type WeightsFile } from "../../weights/index.ts";
import { findLayout } from "../checkpoint-layout.ts";
import {
  configBeside,
  type FoundModel,
  groupKeys,
  type SingleFileFacts,
  sizeUnknown,
  WeightShapes,
} from "../single-file.ts";
import { type DiTConfig, diTConfig, readDiTConfig } from "./config.ts";
import { diTOriginalKeys } from "./original-keys.ts";

const POSITIONS = "pos_embed";
const SHARED_IN_FIRST = "transformer_blocks.0.norm1.emb.class_embedder.embedding_table.weight";
/** Number of classes of the published models. */
const IMAGENET_CLASSES = 1000;
const CLASS_TABLE = "class_embedder.embedding_table.weight";

/**
 * Reads which DiT a file holds, and its configuration from the weights' shapes. Weights in diffusers' layout stay in it: each
 * block has its copy of the embedders. Unless given, the number of classes is one less than the rows of the class table, whose
 * last row is "no class". Throws as for PixArt.
 */
export function readDiTFile(
  file: WeightsFile,
  facts: SingleFileFacts = {},
  device?: Device,
): FoundModel<DiTConfig> {
  const { family, layout, weights: stored, others } = findLayout(file, device);
  if (family !== "DiT") {
    const advice = `use ${family}Transformer2DModel`;
    throw new BadFileError(file.path, "tensors", "a DiT", `a ${family} transformer`, advice);
  }
  const isOriginal = layout === "original";
  const hasPositions = isOriginal && [...stored.keys()].includes(POSITIONS);
  const weights = isOriginal
    ? splitWeights(
        selectKeys(stored, (key) => key !== POSITIONS),
        diTOriginalKeys,
      )
    : stored;
  const dropped = [...(hasPositions ? [POSITIONS] : []), ...groupKeys(others)];
  const shared = { weights, originalOnly: undefined, dropped };

  const beside = isOriginal ? undefined : configBeside(file.path);
  if (beside !== undefined) {
    return { ...shared, config: readDiTConfig(...beside), assumptions: [] };
  }
  const shapes = new WeightShapes(file.path, weights);
  const common = shapes.common("proj_out_2.weight", facts);
  const sampleSize = hasPositions
    ? shapes.grid(stored.shape(POSITIONS)) * common.patchSize
    : facts.sampleSize;
  if (sampleSize === undefined) throw sizeUnknown(file.path);
  const rows = shapes.extent(isOriginal ? CLASS_TABLE : SHARED_IN_FIRST, 0);
  const { numClasses = rows - 1 } = facts;
  if (numClasses !== rows && numClasses !== rows - 1) {
    throw new InvalidValueError(
      `Expected ${rows - 1} or ${rows} for numClasses, to match the class table of ${file.path}, but received ${numClasses}`,
    );
  }
  const isGuess = isOriginal && facts.numClasses === undefined && numClasses !== IMAGENET_CLASSES;
  const assumptions = isGuess
    ? [`${numClasses} classes, and a row for "no class" behind them in the class table`]
    : [];
  const config = diTConfig({
    ...common,
    sampleSize,
    numEmbedsAdaNorm: numClasses,
    hasNoClass: numClasses < rows,
    normElementwiseAffine: shapes.keys.has("transformer_blocks.0.norm3.weight"),
    // diffusers' class embeds time at its own frequencies.
    ...(isOriginal ? {} : { timestepFreqShift: 1, normEps: 1e-5 }),
  });
  return { ...shared, config, assumptions };
}
