import {
  type Adapter,
  type PixArtControlNetAdapterModel,
  type PixArtTransformer2DModel,
  T5EncoderModel,
} from "../../models/index.ts";
import type { Weights } from "../contract/stage-task.ts";
import { adapterWeights } from "./adapters.ts";
import { LazyTextEncoder } from "./lazy-text-encoder.ts";

/** The models that a text-to-image stage draws with. */
export interface TextToImageModels {
  readonly transformer: PixArtTransformer2DModel;
  /** On the transformer, if the stage trains one. */
  readonly adapter: Adapter | undefined;
  /** In addition to the transformer, if the stage trains one. */
  readonly controlnet: PixArtControlNetAdapterModel | undefined;
  /** In memory if the run trains or created it, or trains an adapter of it. */
  readonly textEncoder: T5EncoderModel | LazyTextEncoder;
  /** On the text encoder, if the stage trains one. */
  readonly textEncoderAdapter: Adapter | undefined;
}

type Part = readonly [prefix: string, held: Weights];

/** The trained part that a stage's checkpoints contain besides the text encoder, and its key prefix. */
export function trainedPart({
  transformer,
  adapter,
  controlnet,
}: Pick<TextToImageModels, "transformer" | "adapter" | "controlnet">): Part {
  if (controlnet !== undefined) return ["controlnet", controlnet];
  return ["transformer", adapter === undefined ? transformer : adapterWeights(adapter)];
}

/** The same for the text encoder: its adapter, or the whole encoder if it is in memory; nothing if it is loaded for each use. */
export function textEncoderPart({
  textEncoder,
  textEncoderAdapter,
}: {
  readonly textEncoder: TextToImageModels["textEncoder"] | undefined;
  readonly textEncoderAdapter?: Adapter | undefined;
}): Part | undefined {
  if (textEncoderAdapter !== undefined) return ["text_encoder", adapterWeights(textEncoderAdapter)];
  return textEncoder instanceof T5EncoderModel ? ["text_encoder", textEncoder] : undefined;
}

/** Width of a text encoder's states, without loading it. */
export const widthOf = async (encoder: TextToImageModels["textEncoder"]): Promise<number> =>
  (encoder instanceof LazyTextEncoder ? await encoder.config() : encoder.config).dModel;
