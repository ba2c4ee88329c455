import type { EditRequest, GenerationRequest } from "../server/requests/request-schemas.ts";

/** Fields that this client sets itself. */
type Own = "stream" | "response_format" | "partial_images";

/** Fields of POST /v1/images/generations. */
export interface GenerateOptions extends Omit<GenerationRequest, Own> {}

/** Fields of POST /v1/images/edits, with pictures as bytes or blobs. */
export interface EditOptions extends Omit<EditRequest, Own | "image" | "images" | "mask"> {
  /** The picture to start from. */
  readonly image: Blob | Uint8Array;
  /** Of the size of `image`: transparent where that is redrawn or, in a file without transparency, white. Default: everywhere. */
  readonly mask?: Blob | Uint8Array;
}

/** How to end a call early. */
export interface CallOptions {
  /** Aborts the call, and its drawing before the next step. */
  readonly signal?: AbortSignal;
}

/** Encodes bytes in base64, in browsers too. */
export async function base64Of(picture: Blob | Uint8Array): Promise<string> {
  const bytes =
    picture instanceof Uint8Array ? picture : new Uint8Array(await picture.arrayBuffer());
  let binary = "";
  for (let at = 0; at < bytes.length; at += 0x8000)
    binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(binary);
}

/** An edit as JSON. */
export async function editBody({
  image,
  mask,
  ...fields
}: EditOptions): Promise<Record<string, unknown>> {
  return {
    ...fields,
    image: await base64Of(image),
    ...(mask !== undefined && { mask: await base64Of(mask) }),
  };
}
