import type {
  Adapter,
  PixArtControlNetAdapterModel,
  PixArtTransformer2DModel,
  T5EncoderModel,
} from "../models/index.ts";
import { adapterWeights } from "./adapters.ts";
import type { Weights } from "./stage-task.ts";
import { StagedTextEncoder } from "./staged-text-encoder.ts";

/** What a text-to-image stage draws with. */
export interface TextToImageModels {
  readonly transformer: PixArtTransformer2DModel;
  /** On the transformer, where the stage trains one. */
  readonly adapter: Adapter | undefined;
  /** Beside the transformer, where the stage trains one. */
  readonly controlnet: PixArtControlNetAdapterModel | undefined;
  readonly textEncoder: T5EncoderModel | StagedTextEncoder;
}

/** What checkpoints of a stage hold beside the text encoder, and the start of its keys. */
export function trainedPart({
  transformer,
  adapter,
  controlnet,
}: Pick<TextToImageModels, "transformer" | "adapter" | "controlnet">): readonly [string, Weights] {
  if (controlnet !== undefined) return ["controlnet", controlnet];
  return ["transformer", adapter === undefined ? transformer : adapterWeights(adapter)];
}

/** Width of a text encoder's states, which nothing is loaded for. */
export const widthOf = async (encoder: TextToImageModels["textEncoder"]): Promise<number> =>
  (encoder instanceof StagedTextEncoder ? await encoder.config() : encoder.config).dModel;
