import { sniffImage } from "../../images/index.ts";
import type { AppContext } from "../../server/app-types.ts";
import { ApiError } from "../../server/http/api-error.ts";
import { sideOf, type Thumbnails } from "./thumbnails.ts";

/** How a picture is sent. */
export interface PictureAnswerOptions {
  readonly thumbnails: Thumbnails;
  /** Whether its bytes may be sent as they are: this project wrote them. Others are made anew, at most {@link LARGEST_SIDE} wide. */
  readonly isOwn: boolean;
}

/** Of a picture that was not written by this project. */
const LARGEST_SIDE = 1536;

/** A picture, at the width that `?w=` asks for. Throws an ApiError where there is none, or what is there is none. */
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
  new ApiError(404, "picture_not_found", "Expected a picture that is here and can be read");

const answer = (c: AppContext, bytes: Uint8Array, format: string): Response =>
  c.body(new Uint8Array(bytes), 200, {
    "content-type": `image/${format}`,
    "content-disposition": "inline",
    // A run that is begun anew draws others under the same address.
    "cache-control": "private, max-age=60",
  });
