import { sniffImage } from "../../images/index.ts";
import type { AppContext } from "../../server/app-types.ts";
import { ApiError } from "../../server/http/api-error.ts";
import { sideOf, type Thumbnails } from "./thumbnails.ts";

/** Options for sending a picture. */
export interface PictureAnswerOptions {
  readonly thumbnails: Thumbnails;
  /**
   * Whether its bytes may be sent as they are, because this project wrote them. Others are re-encoded, at most
   * {@link LARGEST_SIDE} wide.
   */
  readonly isOwn: boolean;
}

/** For pictures not written by this project. */
const LARGEST_SIDE = 1536;

/** A picture at the width requested with `?w=`. Throws an ApiError if there is none or if the file is not a picture. */
export async function pictureAnswer(
  c: AppContext,
  bytes: Uint8Array | undefined,
  { thumbnails, isOwn }: PictureAnswerOptions,
): Promise<Response> {
  const sniffed = bytes === undefined ? undefined : sniffImage(bytes);
  if (bytes === undefined || sniffed === undefined || !("format" in sniffed)) throw noPicture();
  const side = sideOf(c.req.query("w"));
  if (side === undefined && isOwn) return answer(c, bytes, sniffed.format);
  const small = await thumbnails.get(bytes, side ?? LARGEST_SIDE);
  if (small === undefined) throw noPicture();
  return answer(c, small, "webp");
}

const noPicture = (): ApiError =>
  new ApiError(404, "picture_not_found", "Expected a picture that exists and can be read");

const answer = (c: AppContext, bytes: Uint8Array, format: string): Response =>
  c.body(new Uint8Array(bytes), 200, {
    "content-type": `image/${format}`,
    "content-disposition": "inline",
    // A restarted run draws different pictures under the same URL.
    "cache-control": "private, max-age=60",
  });
