import type { ImagesAnswer, JobAnswer } from "../server/answers/answer-schemas.ts";

/** A picture, or a preview of one. */
export interface ClientPicture {
  /** The file's bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** `image/png`, `image/jpeg` or `image/webp`. */
  readonly mediaType: string;
  /** Reproduces the picture. */
  readonly seed: number;
}

/** Drawn pictures, and how they were drawn. */
export interface DrawnPictures {
  readonly pictures: readonly ClientPicture[];
  /** `512x512` */
  readonly size: string;
  /**
   * Model and the hash of its weights, steps, sampler, guidance, the size before resizing to `size`, the seconds of drawing, and
   * the warnings: `pixart` of the server's answer.
   */
  readonly details: ImagesAnswer["pixart"];
}

/** An event while pictures are drawn. */
export type DrawEvent =
  /** Number of pictures before the first of these. */
  | { readonly type: "queued"; readonly position: number }
  | { readonly type: "progress"; readonly step: number; readonly total: number }
  | {
      readonly type: "preview";
      /** Index of the picture. */
      readonly picture: number;
      readonly step: number;
      readonly total: number;
      readonly bytes: Uint8Array<ArrayBuffer>;
      readonly mediaType: string;
    }
  | { readonly type: "completed"; readonly result: DrawnPictures };

/** Decodes base64, in browsers too. */
export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** An answer with its pictures as bytes. */
export const drawnPictures = (answer: ImagesAnswer): DrawnPictures => ({
  pictures: answer.data.map(({ b64_json = "", seed }) => ({
    bytes: bytesOf(b64_json),
    mediaType: `image/${answer.output_format}`,
    seed,
  })),
  size: answer.size,
  details: answer.pixart,
});

export type { ImagesAnswer, JobAnswer };
