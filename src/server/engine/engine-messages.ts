import type { PictureMetadata } from "../../images/index.ts";

// Messages between the server and the process that draws for it, sent by structured clone over the channel that `fork` opens.

/** A model's public name and the location that it is loaded from. */
export interface NamedPlace {
  readonly name: string;
  readonly place: string;
}

/** How latents become previews: by the autoencoder, a TAESD next to it, a fitted linear map, or not at all. */
export type PreviewWay = "full" | "taesd" | "linear" | "off";

/** The drawing process's first message. */
export interface EngineSetup {
  readonly models: readonly NamedPlace[];
  /** Adapters of the first model, selected by name in requests. */
  readonly adapters: readonly NamedPlace[];
  readonly device: string;
  readonly dtype: string | undefined;
  readonly quantize: string | undefined;
  /** A folder or name of a TAESD. */
  readonly taesd: string | undefined;
  readonly preview: PreviewWay | "auto";
  /** Pictures drawn at once; "auto" measures how many are worthwhile. */
  readonly batch: number | "auto";
  /** Memory, in bytes, that the models may take together. Default: a share of what is free. */
  readonly memoryBytes: number | undefined;
  /** Facts about the models from an earlier process, which need not be measured again. */
  readonly known?: readonly ModelFacts[];
  /** Loads no model before it is requested. */
  readonly isLazy?: boolean;
}

/** Facts about a model, known once it was loaded. */
export interface ModelFacts {
  readonly name: string;
  /** First digits of its weights' hash; undefined if it did not come from files. */
  readonly hash: string | undefined;
  /** Its sampler, and those that a request may select. */
  readonly sampler: string;
  readonly samplers: readonly string[];
  /** For requests that name none. */
  readonly defaults: { readonly numInferenceSteps: number; readonly guidanceScale: number };
  /** Side, in pixels, that it was made for. */
  readonly nativeSide: number;
  /** The sides of its pictures are multiples of this. */
  readonly multiple: number;
  /** Sizes that it was trained on, with their height-to-width ratio; empty if it only knows one area. */
  readonly trainedSizes: readonly {
    readonly ratio: number;
    readonly width: number;
    readonly height: number;
  }[];
  /** Longest prompt, in tokens. */
  readonly maxSequenceLength: number;
  readonly hasControlNet: boolean;
  readonly adapters: readonly string[];
  readonly bytes: number;
  /** Largest number of pictures at once that is worthwhile. */
  readonly batch: number;
  /** Seconds per step for one picture at its own size. */
  readonly stepSeconds: number;
  readonly preview: PreviewWay;
}

/** Pixels as rows from the top, three bytes each. */
export interface RawPicture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** One picture of a drawing order. */
export interface OrderedPicture {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly seed: number;
  /** Steps, counted from 1, after which a preview is made. */
  readonly previewSteps: readonly number[];
}

/** Settings of all pictures of an order. Default: the model's own. */
export interface DrawSettings {
  readonly steps: number;
  readonly guidanceScale: number;
  readonly scheduler?: string | undefined;
  readonly eta?: number | undefined;
  readonly width: number;
  readonly height: number;
  readonly maxSequenceLength?: number | undefined;
  readonly cleanCaption?: boolean | undefined;
  readonly adapters: readonly { readonly name: string; readonly scale: number }[];
}

/** Pictures that a drawing starts from or follows. */
export interface DrawImages {
  readonly image?: RawPicture | undefined;
  /** White where `image` is redrawn. */
  readonly mask?: RawPicture | undefined;
  readonly strength?: number | undefined;
  readonly controlImage?: RawPicture | undefined;
}

/** Pictures to draw at once. */
export interface DrawOrder {
  readonly id: number;
  readonly model: string;
  readonly pictures: readonly OrderedPicture[];
  readonly settings: DrawSettings;
  readonly images: DrawImages;
}

export type ToEngine =
  | { readonly type: "setup"; readonly setup: EngineSetup }
  /** Another model, to be loaded and measured. */
  | { readonly type: "load"; readonly model: NamedPlace }
  | { readonly type: "draw"; readonly order: DrawOrder }
  | { readonly type: "abort"; readonly order: number };

/** A drawn picture. */
export interface DrawnPicture extends RawPicture {
  readonly metadata: PictureMetadata | undefined;
  /** Number of tokens in the prompt. */
  readonly tokens: number;
  readonly warnings: readonly string[];
}

/** Why an order failed. */
export interface EngineFailure {
  readonly code: "invalid_value" | "not_finite" | "out_of_memory" | "aborted" | "drawing_failed";
  readonly message: string;
}

export type FromEngine =
  /** Setting up failed; the process ends. */
  | { readonly type: "refused"; readonly message: string }
  | { readonly type: "loaded"; readonly facts: ModelFacts }
  /** A requested model could not be loaded. */
  | { readonly type: "unloadable"; readonly name: string; readonly message: string }
  | { readonly type: "ready" }
  | {
      readonly type: "step";
      readonly order: number;
      readonly step: number;
      readonly total: number;
      /** By the picture's position in the order. */
      readonly previews: readonly { readonly picture: number; readonly image: RawPicture }[];
    }
  | {
      readonly type: "drawn";
      readonly order: number;
      readonly pictures: readonly DrawnPicture[];
      readonly seconds: number;
    }
  | { readonly type: "failed"; readonly order: number; readonly failure: EngineFailure }
  /** The process's memory, reported after each order and each model: live tensors, resident bytes and loaded models. */
  | ({ readonly type: "memory" } & HeldMemory);

/** Memory of the drawing process. */
export interface HeldMemory {
  readonly tensors: number;
  readonly bytes: number;
  /** Names of the loaded models. */
  readonly models: readonly string[];
}
