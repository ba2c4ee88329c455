import type { ResolvedConfig } from "../../config/index.ts";
import type {
  Adapter,
  AutoencoderKL,
  PixArtControlNetAdapterModel,
  PixArtTransformer2DModel,
  T5EncoderModel,
} from "../../models/index.ts";
import type { Scheduler } from "../../schedulers/index.ts";
import type { T5Tokenizer } from "../../text/index.ts";
import type { Split } from "../contract/stage-task.ts";
import type { Example } from "../dataset/training-data.ts";
import type { Captions } from "../features/captions.ts";
import type { Latents } from "../features/latents.ts";
import type { PriorPictures } from "../features/prior-pictures.ts";

/** A ControlNet, and what it is shown of pictures. */
export interface ControlNetParts {
  readonly controlnet: PixArtControlNetAdapterModel;
  readonly latents: Readonly<Record<Split, Latents>>;
}

/** What a text-to-image stage works on. */
export interface TextToImageParts {
  readonly transformer: PixArtTransformer2DModel;
  /** What is trained in place of the transformer's own weights, where the stage has one. */
  readonly adapter: Adapter | undefined;
  /** A ControlNet that is trained in place of them, and what it is shown of each picture. */
  readonly control?: ControlNetParts | undefined;
  /** What a stage that distils begins with, where that is not what its adapter is on. */
  readonly teacher?: PixArtTransformer2DModel | undefined;
  /** Where the checkpoints hold it: one that this run trains, or has trained; and one that has an adapter. */
  readonly textEncoder: T5EncoderModel | undefined;
  /** What is trained in place of the text encoder's own weights, where the stage has one. */
  readonly textEncoderAdapter?: Adapter | undefined;
  readonly tokenizer: T5Tokenizer;
  readonly vae: AutoencoderKL;
  readonly latents: Readonly<Record<Split, Latents>>;
  /** Class pictures beside those of the data set, where the run has them. */
  readonly prior?: PriorPictures | undefined;
  readonly captions: Captions;
  /** A caption as it is encoded. */
  readonly prepare: (caption: string) => string;
  /** What samples are drawn with. */
  readonly scheduler: Scheduler;
  readonly examples: Readonly<Record<Split, readonly Example[]>>;
  readonly config: ResolvedConfig;
}
