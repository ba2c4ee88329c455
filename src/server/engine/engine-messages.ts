import type { PictureMetadata } from "../../images/index.ts";

// What the server and the process that draws for it say to each other, by structured clone over the channel that `fork` opens.

/** A model by the name that callers know and the place that it is loaded from. */
export interface NamedPlace {
  readonly name: string;
  readonly place: string;
}

/** How previews are made of latents: by the autoencoder, a TAESD beside it, a fitted linear map, or not at all. */
export type PreviewWay = "full" | "taesd" | "linear" | "off";

/** What the drawing process is told first. */
export interface EngineSetup {
  readonly models: readonly NamedPlace[];
  /** Adapters of the first model, which requests choose by name. */
  readonly adapters: readonly NamedPlace[];
  readonly device: string;
  readonly dtype: string | undefined;
  readonly quantize: string | undefined;
  /** A folder or name of a TAESD. */
  readonly taesd: string | undefined;
  readonly preview: PreviewWay | "auto";
  /** Pictures drawn at once; "auto" measures how many gain. */
  readonly batch: number | "auto";
  /** Bytes that the models may take together; a share of what is free where left out. */
  readonly memoryBytes: number | undefined;
  /** What an earlier process found out of the models: they need not be tried again. */
  readonly known?: readonly ModelFacts[];
  /** Loads no model before it is asked for. */
  readonly isLazy?: boolean;
}

/** What is known of a model once it was loaded. */
export interface ModelFacts {
  readonly name: string;
  /** First digits of its weights' hash; undefined where it came from no files. */
  readonly hash: string | undefined;
  /** Its sampler, and those that a request may name. */
  readonly sampler: string;
  readonly samplers: readonly string[];
  /** Side in pixels that it was made for. */
  readonly nativeSide: number;
  /** Sides that it draws are multiples of this. */
  readonly multiple: number;
  /** Sizes that it was trained on, with their height over their width; none where it knows one area alone. */
  readonly trainedSizes: readonly {
    readonly ratio: number;
    readonly width: number;
    readonly height: number;
  }[];
  /** Longest prompt in tokens. */
  readonly maxSequenceLength: number;
  readonly hasControlNet: boolean;
  readonly adapters: readonly string[];
  readonly bytes: number;
  /** Most pictures at once that gain anything. */
  readonly batch: number;
  /** Seconds of a step of one picture at its own size. */
  readonly stepSeconds: number;
  readonly preview: PreviewWay;
}

/** Pixels as rows from the top, three bytes each. */
export interface RawPicture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** One picture of an order. */
export interface OrderedPicture {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly seed: number;
  /** Steps, counted from 1, after which a preview is wanted. */
  readonly previewSteps: readonly number[];
}

/** How all pictures of an order are drawn; what is left out is the model's own. */
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

/** Pictures that a drawing begins from or follows. */
export interface DrawImages {
  readonly image?: RawPicture | undefined;
  /** White where `image` is drawn anew. */
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
  /** Another model, to be loaded and tried. */
  | { readonly type: "load"; readonly model: NamedPlace }
  | { readonly type: "draw"; readonly order: DrawOrder }
  | { readonly type: "abort"; readonly order: number };

/** A picture as it was drawn. */
export interface DrawnPicture extends RawPicture {
  readonly metadata: PictureMetadata | undefined;
  /** Of the prompt. */
  readonly tokens: number;
  readonly warnings: readonly string[];
}

/** Why an order came to nothing. */
export interface EngineFailure {
  readonly code: "invalid_value" | "not_finite" | "out_of_memory" | "aborted" | "drawing_failed";
  readonly message: string;
}

export type FromEngine =
  /** Setting up failed; the process ends. */
  | { readonly type: "refused"; readonly message: string }
  | { readonly type: "loaded"; readonly facts: ModelFacts }
  /** A model that was asked for could not be loaded. */
  | { readonly type: "unloadable"; readonly name: string; readonly message: string }
  | { readonly type: "ready" }
  | {
      readonly type: "step";
      readonly order: number;
      readonly step: number;
      readonly total: number;
      /** By the picture's place in the order. */
      readonly previews: readonly { readonly picture: number; readonly image: RawPicture }[];
    }
  | {
      readonly type: "drawn";
      readonly order: number;
      readonly pictures: readonly DrawnPicture[];
      readonly seconds: number;
    }
  | { readonly type: "failed"; readonly order: number; readonly failure: EngineFailure }
  /** What the process holds, told after each order and each model: live tensors, resident bytes and loaded models. */
  | ({ readonly type: "memory" } & HeldMemory);

/** What the process that draws holds. */
export interface HeldMemory {
  readonly tensors: number;
  readonly bytes: number;
  /** Names of the loaded models. */
  readonly models: readonly string[];
}
