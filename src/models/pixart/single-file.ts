import { type Device, tidy } from "../../torch/index.ts";
import {
  BadFileError,
  selectKeys,
  splitWeights,
  type TypedWeights,
  type WeightsFile,
} from "../../weights/index.ts";
import { findLayout } from "../checkpoint-layout.ts";
import {
  configBeside,
  type FoundModel,
  groupKeys,
  type SingleFileFacts,
  sizeUnknown,
  WeightShapes,
} from "../single-file.ts";
import { type PixArtConfig, pixArtConfig, readPixArtConfig } from "./config.ts";
import { pixArtOriginalKeys } from "./original-keys.ts";

/** The null caption of training, a buffer in the width of the text encoder; diffusers encodes "" instead and keeps none. */
export const NULL_CAPTION = "y_embedder.y_embedding";
/** The fixed table of positions, which follows from the configuration. */
export const POSITIONS = "pos_embed";

/** What PixArt divides positions by: Σ's 256 px, 512 px, 1024 px and 2048 px; α has 1 for 256 px. */
const SCALES = [0.5, 1, 2, 4];
/** Tokens of a caption in PixArt-Σ. */
const SIGMA_TOKENS = 300;

/**
 * Reads which PixArt a file holds, of any layout, and its configuration out of the weights' shapes. Throws where the file holds
 * another model, or does not say what `facts` do not either.
 */
export function readPixArtFile(
  file: WeightsFile,
  facts: SingleFileFacts = {},
  device?: Device,
): FoundModel<PixArtConfig> {
  const { family, layout, weights: stored, others } = findLayout(file, device);
  if (family !== "PixArt") {
    const advice = `use ${family}Transformer2DModel`;
    throw new BadFileError(file.path, "tensors", "a PixArt transformer", `a ${family}`, advice);
  }
  const isOriginal = layout === "original";
  const extra = isOriginal ? [POSITIONS, NULL_CAPTION] : [];
  const present = new Set(stored.keys());
  const left = extra.filter((key) => present.has(key));
  const own = selectKeys(stored, (key) => !extra.includes(key));
  const weights = isOriginal ? splitWeights(own, pixArtOriginalKeys) : own;
  const only = (wanted: string): TypedWeights | undefined =>
    left.includes(wanted) ? selectKeys(stored, (key) => key === wanted) : undefined;
  const nullCaption = only(NULL_CAPTION);
  const dropped = [...left, ...groupKeys(others)];
  const shared = { weights, originalOnly: nullCaption, dropped };

  const beside = isOriginal ? undefined : configBeside(file.path);
  if (beside !== undefined) {
    return { ...shared, config: readPixArtConfig(...beside), assumptions: [] };
  }
  const shapes = new WeightShapes(file.path, weights);
  const assumptions: string[] = [];
  const shape = shapeConfig(shapes, facts);
  const size = readSize(shapes, only(POSITIONS), nullCaption, facts, assumptions);
  return {
    ...shared,
    config: pixArtConfig({ ...shape, ...size }),
    assumptions,
  };
}

function shapeConfig(shapes: WeightShapes, facts: SingleFileFacts): Partial<PixArtConfig> {
  const { keys } = shapes;
  const common = shapes.common("proj_out.weight", facts);
  const block = "transformer_blocks.0";
  const caption = "caption_projection.linear_1.weight";
  const compressed = Array.from({ length: common.numLayers }, (_, i) => i).filter((i) =>
    keys.has(`transformer_blocks.${i}.attn1.sr.weight`),
  );
  return {
    ...common,
    crossAttentionDim: shapes.extent(`${block}.attn2.to_k.weight`, 1),
    normElementwiseAffine: keys.has(`${block}.norm1.weight`),
    useAdditionalConditions: hasMicroConditions(shapes),
    captionChannels: keys.has(caption) ? shapes.extent(caption, 1) : null,
    qkNorm: keys.has(`${block}.attn1.q_norm.weight`),
    kvCompressConfig:
      compressed.length === 0
        ? null
        : {
            sampling: "conv",
            scaleFactor: shapes.extent(`transformer_blocks.${compressed[0]}.attn1.sr.weight`, 2),
            kvCompressLayer: compressed,
          },
  };
}

const hasMicroConditions = (shapes: WeightShapes): boolean =>
  shapes.keys.has("adaln_single.emb.resolution_embedder.linear_1.weight");

/** The picture's size and the positions' scale: from the table of positions, else told, else from what only one model has. */
function readSize(
  shapes: WeightShapes,
  positions: TypedWeights | undefined,
  nullCaption: TypedWeights | undefined,
  facts: SingleFileFacts,
  assumptions: string[],
): Pick<PixArtConfig, "sampleSize" | "interpolationScale"> {
  const patchSize = shapes.extent("pos_embed.proj.weight", 2);
  if (positions !== undefined) {
    const grid = shapes.grid(positions.shape(POSITIONS));
    const sampleSize = grid * patchSize;
    const scale = facts.interpolationScale ?? scaleOf(positions);
    if (scale !== undefined) return { sampleSize, interpolationScale: scale };
    const usual = Math.max(Math.floor(sampleSize / 64), 1);
    assumptions.push(`the positions of pos_embed follow no known scale; took ${usual}`);
    return { sampleSize, interpolationScale: usual };
  }
  // Of all published models only PixArt-α's for 1024 px is told the size of the picture.
  const sampleSize = facts.sampleSize ?? (hasMicroConditions(shapes) ? 128 : undefined);
  if (sampleSize === undefined) throw sizeUnknown(shapes.path);
  if (facts.interpolationScale !== undefined) {
    return { sampleSize, interpolationScale: facts.interpolationScale };
  }
  const tokens = nullCaption?.shape(NULL_CAPTION)[0];
  if (sampleSize < 64 && tokens === undefined) {
    throw new Error(
      `Expected interpolationScale for ${shapes.path} but received nothing. At sampleSize ${sampleSize} it is 1 for PixArt-α and ${sampleSize / 64} for PixArt-Σ, and without y_embedder.y_embedding the file does not show which of them it holds.`,
    );
  }
  const isSigma = tokens === SIGMA_TOKENS;
  const interpolationScale = isSigma ? sampleSize / 64 : Math.max(Math.floor(sampleSize / 64), 1);
  return { sampleSize, interpolationScale };
}

/** The scale that a table of positions was made with: the first channel of the second column is sin(1 / scale). */
function scaleOf(positions: TypedWeights): number | undefined {
  const sine = tidy(() => positions.tensor(POSITIONS).select(1, 1).select(1, 0).item());
  // Half precision is good for two digits and more; the sines of two scales differ by far more.
  return SCALES.find((scale) => Math.abs(Math.sin(1 / scale) - sine) < 4e-3);
}
