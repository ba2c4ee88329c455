import { isDeepStrictEqual } from "node:util";
import { IncompatibleError } from "../../errors/index.ts";
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
  MissingFactError,
  type SingleFileFacts,
  sizeUnknown,
  WeightShapes,
} from "../single-file.ts";
import {
  type PixArtTransformerConfig,
  pixArtTransformerConfig,
  readPixArtTransformerConfig,
} from "./config.ts";
import type { KVCompressConfig } from "./kv-compression.ts";
import { pixArtOriginalKeys } from "./original-keys.ts";
import { positionScale } from "./position-scale.ts";

/** The null caption of training, a buffer of the text encoder's width; diffusers encodes "" instead and has none. */
const NULL_CAPTION = "y_embedder.y_embedding";
/** The fixed table of positions, which follows from the configuration. */
export const POSITIONS = "pos_embed";

/** Tokens of a caption in PixArt-Σ. */
const SIGMA_TOKENS = 300;

/**
 * Reads which PixArt a file of any layout holds, and its configuration from the weights' shapes. Throws if the file holds another
 * model, or if neither it nor `facts` say what is needed.
 */
export function readPixArtFile(
  file: WeightsFile,
  facts: SingleFileFacts = {},
  device?: Device,
): FoundModel<PixArtTransformerConfig> {
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
    return { ...shared, config: readPixArtTransformerConfig(...beside), assumptions: [] };
  }
  const shapes = new WeightShapes(file.path, weights);
  const assumptions: string[] = [];
  const shape = shapeConfig(shapes, facts);
  const tokens = nullCaption?.shape(NULL_CAPTION)[0] ?? SIGMA_TOKENS;
  const mayBeSigma = isOriginal && tokens === SIGMA_TOKENS && !hasMicroConditions(shapes);
  if (mayBeSigma && shape.kvCompressConfig === null) {
    assumptions.push(
      "keys and values are not compressed: of PixArt-Σ's ways to do it only the learned one (conv) shows in a file",
    );
  }
  const size = readSize(shapes, only(POSITIONS), nullCaption, facts, assumptions);
  return {
    ...shared,
    config: pixArtTransformerConfig({ ...shape, ...size }),
    assumptions,
  };
}

function shapeConfig(
  shapes: WeightShapes,
  facts: SingleFileFacts,
): Partial<PixArtTransformerConfig> {
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
    kvCompressConfig: compressionOf(shapes, compressed, facts),
  };
}

/** The learned compression of the layers `compressed`, or the given one. */
function compressionOf(
  shapes: WeightShapes,
  compressed: readonly number[],
  { kvCompressConfig: told }: SingleFileFacts,
): KVCompressConfig | null {
  const [first] = compressed;
  if (first === undefined) return told ?? null;
  const found: KVCompressConfig = {
    sampling: "conv",
    scaleFactor: shapes.extent(`transformer_blocks.${first}.attn1.sr.weight`, 2),
    kvCompressLayer: compressed,
  };
  if (told === undefined || isDeepStrictEqual(told, found)) return found;
  throw new IncompatibleError(
    `Expected no kvCompressConfig for ${shapes.path}, whose weights show a learned compression (conv), but received ${JSON.stringify(told)}`,
  );
}

const hasMicroConditions = (shapes: WeightShapes): boolean =>
  shapes.keys.has("adaln_single.emb.resolution_embedder.linear_1.weight");

/** The picture's size and the positions' scale: from the position table, else as given, else as in published models. */
function readSize(
  shapes: WeightShapes,
  positions: TypedWeights | undefined,
  nullCaption: TypedWeights | undefined,
  facts: SingleFileFacts,
  assumptions: string[],
): Pick<PixArtTransformerConfig, "sampleSize" | "interpolationScale"> {
  const patchSize = shapes.extent("pos_embed.proj.weight", 2);
  if (positions !== undefined) {
    const grid = shapes.grid(positions.shape(POSITIONS));
    const sampleSize = grid * patchSize;
    if (facts.sampleSize !== undefined && facts.sampleSize !== sampleSize) {
      assumptions.push(
        `${pixels(sampleSize)}, as pos_embed shows, and not ${facts.sampleSize * 8}`,
      );
    }
    const found = tidy(() => positionScale(positions.tensor(POSITIONS), grid));
    const interpolationScale = facts.interpolationScale ?? found;
    if (interpolationScale === undefined) {
      throw new MissingFactError(
        `Expected interpolationScale for ${shapes.path} but received nothing: its pos_embed is not a table of sines and cosines, which would show it`,
      );
    }
    if (interpolationScale !== found) {
      const shown = found === undefined ? "shows no scale" : `has them divided by ${found}`;
      assumptions.push(`positions divided by ${interpolationScale}, though pos_embed ${shown}`);
    }
    return { sampleSize, interpolationScale };
  }
  if (facts.sampleSize === undefined && hasMicroConditions(shapes)) {
    assumptions.push(
      `${pixels(PUBLISHED_MICRO_CONDITIONED)}, as in the published model that is conditioned on the picture's size: without pos_embed the file does not show it`,
    );
  }
  const sampleSize =
    facts.sampleSize ?? (hasMicroConditions(shapes) ? PUBLISHED_MICRO_CONDITIONED : undefined);
  if (sampleSize === undefined) throw sizeUnknown(shapes.path);
  if (facts.interpolationScale !== undefined) {
    return { sampleSize, interpolationScale: facts.interpolationScale };
  }
  const tokens = nullCaption?.shape(NULL_CAPTION)[0];
  if (sampleSize < 64 && tokens === undefined) {
    throw new MissingFactError(
      `Expected interpolationScale for ${shapes.path} but received nothing. At sampleSize ${sampleSize} it is 1 for PixArt-α and ${sampleSize / 64} for PixArt-Σ, and without y_embedder.y_embedding the file does not show which of them it contains.`,
    );
  }
  const isSigma = tokens === SIGMA_TOKENS;
  const interpolationScale = isSigma ? sampleSize / 64 : Math.max(Math.floor(sampleSize / 64), 1);
  assumptions.push(
    `positions divided by ${interpolationScale}, as PixArt${sampleSize < 64 ? (isSigma ? "-Σ" : "-α") : ""} has them at ${pixels(sampleSize)}`,
  );
  return { sampleSize, interpolationScale };
}

/** Of all published models, only PixArt-α's for 1024 px is conditioned on the picture's size. */
const PUBLISHED_MICRO_CONDITIONED = 128;

const pixels = (sampleSize: number): string => `${sampleSize * 8} px`;
