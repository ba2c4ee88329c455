import type { DrawImages, DrawSettings, ModelFacts } from "../engine/engine-messages.ts";
import type { PictureFormat } from "../pictures/encode-picture.ts";
import type { Size } from "../pictures/picture-size.ts";

/** The OpenAI endpoint that was called; its stream's events are named after it. */
export type Endpoint = "image_generation" | "image_edit";

/** A request with all values resolved. */
export interface DrawRequest {
  readonly endpoint: Endpoint;
  readonly model: ModelFacts;
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly count: number;
  /** Seed of the first picture. */
  readonly seed: number;
  readonly settings: DrawSettings;
  readonly images: DrawImages;
  /** Size of the answer's pictures. */
  readonly size: Size;
  readonly format: PictureFormat;
  readonly compression: number;
  readonly asUrl: boolean;
  readonly isStreamed: boolean;
  readonly partialImages: number;
  readonly quality: string;
  /** Fields that have no effect here. */
  readonly ignored: readonly string[];
  readonly warnings: readonly string[];
}

/** A request without its input pictures, which are only decoded once it has a place in the queue. */
export type PlainRequest = Omit<DrawRequest, "images">;
