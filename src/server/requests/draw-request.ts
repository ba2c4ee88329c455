import type { DrawImages, DrawSettings, ModelFacts } from "../engine/engine-messages.ts";
import type { PictureFormat } from "../pictures/encode-picture.ts";
import type { Size } from "../pictures/picture-size.ts";

/** Which of OpenAI's two ways of drawing was called; its stream's events are named after it. */
export type Endpoint = "image_generation" | "image_edit";

/** A request whose every value is known. */
export interface DrawRequest {
  readonly endpoint: Endpoint;
  readonly model: ModelFacts;
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly count: number;
  /** Of the first picture. */
  readonly seed: number;
  readonly settings: DrawSettings;
  readonly images: DrawImages;
  /** Of the answer's pictures. */
  readonly size: Size;
  readonly format: PictureFormat;
  readonly compression: number;
  readonly asUrl: boolean;
  readonly isStreamed: boolean;
  readonly partialImages: number;
  readonly quality: string;
  /** Fields that change nothing here. */
  readonly ignored: readonly string[];
  readonly warnings: readonly string[];
}

/** A request without the pictures that it begins from, which are decoded only once it has a place. */
export type PlainRequest = Omit<DrawRequest, "images">;
