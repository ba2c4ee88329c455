import {
  type Adapter,
  type PixArtControlNetAdapterModel,
  type PixArtTransformer2DModel,
  T5EncoderModel,
} from "../../models/index.ts";
import type { Weights } from "../contract/stage-task.ts";
import { adapterWeights } from "./adapters.ts";
import { LazyTextEncoder } from "./lazy-text-encoder.ts";

/** What a text-to-image stage draws with. */
export interface TextToImageModels {
  readonly transformer: PixArtTransformer2DModel;
  /** On the transformer, where the stage trains one. */
  readonly adapter: Adapter | undefined;
  /** Beside the transformer, where the stage trains one. */
  readonly controlnet: PixArtControlNetAdapterModel | undefined;
  /** In memory where the run trains it, has made it, or trains an adapter of it. */
  readonly textEncoder: T5EncoderModel | LazyTextEncoder;
  /** On the text encoder, where the stage trains one. */
  readonly textEncoderAdapter: Adapter | undefined;
}

type Part = readonly [prefix: string, held: Weights];

/** What checkpoints of a stage hold beside the text encoder, and the start of its keys. */
export function trainedPart({
  transformer,
  adapter,
  controlnet,
}: Pick<TextToImageModels, "transformer" | "adapter" | "controlnet">): Part {
  if (controlnet !== undefined) return ["controlnet", controlnet];
  return ["transformer", adapter === undefined ? transformer : adapterWeights(adapter)];
}

/** The same of the text encoder: its adapter, or all of one that is in memory; nothing of one that is loaded for each use. */
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

/** Width of a text encoder's states; nothing is loaded to know it. */
export const widthOf = async (encoder: TextToImageModels["textEncoder"]): Promise<number> =>
  (encoder instanceof LazyTextEncoder ? await encoder.config() : encoder.config).dModel;
