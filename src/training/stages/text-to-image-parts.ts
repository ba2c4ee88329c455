import type { ResolvedConfig } from "../../config/index.ts";
import type {
  Adapter,
  AutoencoderKL,
  PixArtControlNetAdapterModel,
  PixArtTransformer2DModel,
  T5EncoderModel,
} from "../../models/index.ts";
import type { NoiseSchedule, Scheduler } from "../../schedulers/index.ts";
import type { T5Tokenizer } from "../../text/index.ts";
import type { Split } from "../contract/stage-task.ts";
import type { Example } from "../dataset/training-data.ts";
import type { Captions } from "../features/captions.ts";
import type { Latents } from "../features/latents.ts";
import type { PriorPictures } from "../features/prior-pictures.ts";

/** A ControlNet and its control pictures. */
export interface ControlNetParts {
  readonly controlnet: PixArtControlNetAdapterModel;
  readonly latents: Readonly<Record<Split, Latents>>;
}

/** What a text-to-image stage works with. */
export interface TextToImageParts {
  readonly transformer: PixArtTransformer2DModel;
  /** Trained instead of the transformer's own weights, if the stage has one. */
  readonly adapter: Adapter | undefined;
  /** A ControlNet trained instead of them, with each picture's control picture. */
  readonly control?: ControlNetParts | undefined;
  /** The teacher of a distilling stage, if it is not the model under the adapter. */
  readonly teacher?: PixArtTransformer2DModel | undefined;
  /** Present if the checkpoints contain it: an encoder that this run trains or has trained, or one with an adapter. */
  readonly textEncoder: T5EncoderModel | undefined;
  /** Trained instead of the text encoder's own weights, if the stage has one. */
  readonly textEncoderAdapter?: Adapter | undefined;
  readonly tokenizer: T5Tokenizer;
  readonly vae: AutoencoderKL;
  readonly latents: Readonly<Record<Split, Latents>>;
  /** Class pictures in addition to those of the data set, if the run has them. */
  readonly prior?: PriorPictures | undefined;
  readonly captions: Captions;
  /** Prepares a caption for encoding. */
  readonly prepare: (caption: string) => string;
  /** How much noise each timestep holds. */
  readonly noise: NoiseSchedule;
  /** The sampler of the samples. */
  readonly scheduler: Scheduler;
  readonly examples: Readonly<Record<Split, readonly Example[]>>;
  readonly config: ResolvedConfig;
}
