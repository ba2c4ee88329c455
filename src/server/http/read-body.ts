import { ApiError } from "./api-error.ts";

/** Largest body: a picture of 25 MB in base64, and a prompt. */
const MOST_BODY_BYTES = 36 * 2 ** 20;
const MOST_FORM_PARTS = 64;

/** Largest body without a picture, such as a key. */
const MOST_SMALL_BYTES = 64 * 2 ** 10;

const tooLarge = (most: number): ApiError =>
  new ApiError(
    413,
    "body_too_large",
    most === MOST_BODY_BYTES
      ? `Expected a body of at most ${most / 2 ** 20} MB, enough for a picture of 25 MB`
      : `Expected a body of at most ${most / 2 ** 10} kB`,
  );

/** Limit of all bodies read at the same time, without small ones. */
const MOST_BYTES_AT_ONCE = 8 * MOST_BODY_BYTES;
let atOnce = 0;

/** Takes bytes from that limit. Throws an ApiError if too few are left. */
function reserve(bytes: number): void {
  if (atOnce + bytes > MOST_BYTES_AT_ONCE) {
    throw new ApiError(429, "too_many_bodies", "Too many large requests at once", {
      retryAfter: 1,
    });
  }
  atOnce += bytes;
}

/** A body's bytes. Throws an ApiError for one that is too large: by its declared length before anything is read, else as it arrives. */
async function bytesOf(request: Request): Promise<Buffer> {
  const length = request.headers.get("content-length");
  const declared = length === null ? undefined : Number(length);
  if ((declared ?? 0) > MOST_BODY_BYTES) throw tooLarge(MOST_BODY_BYTES);
  let reserved = 0;
  const take = (bytes: number): void => {
    reserve(bytes);
    reserved += bytes;
  };
  try {
    if (declared !== undefined) take(declared);
    return await readAll(request, MOST_BODY_BYTES, declared === undefined ? take : undefined);
  } finally {
    atOnce -= reserved;
  }
}

async function readAll(
  request: Request,
  most: number,
  onBytes?: (bytes: number) => void,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of request.body ?? []) {
    total += chunk.byteLength;
    if (total > most) throw tooLarge(most);
    onBytes?.(chunk.byteLength);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The value of a JSON body. */
export const readJson = async (request: Request): Promise<unknown> =>
  parseJson(await bytesOf(request));

/** The value of a JSON body without pictures. Large bodies elsewhere do not hold it up. */
export const readSmallJson = async (request: Request): Promise<unknown> =>
  parseJson(await readAll(request, MOST_SMALL_BYTES));

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new ApiError(400, "invalid_json", "Expected JSON for the body but received other text");
  }
}

/** A form's fields: texts, and files by the name of their field. */
export interface FormBody {
  readonly fields: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, readonly Uint8Array[]>>;
}

/** The parts of a multipart body; `name[]` is `name`. */
export async function readForm(request: Request): Promise<FormBody> {
  const bytes = await bytesOf(request);
  const type = request.headers.get("content-type") ?? "";
  let form: FormData;
  try {
    form = await new Response(new Uint8Array(bytes), {
      headers: { "content-type": type },
    }).formData();
  } catch {
    throw new ApiError(
      400,
      "invalid_form",
      "Expected multipart/form-data for the body but its parts can't be read",
    );
  }
  const fields: Record<string, string> = Object.create(null);
  const files: Record<string, Uint8Array[]> = Object.create(null);
  let parts = 0;
  for (const [key, value] of form) {
    parts += 1;
    if (parts > MOST_FORM_PARTS)
      throw new ApiError(
        400,
        "invalid_form",
        `Expected a form of at most ${MOST_FORM_PARTS} parts`,
      );
    const name = key.replace(/\[\d*\]$/, "");
    if (typeof value === "string") fields[name] = value;
    else files[name] = [...(files[name] ?? []), new Uint8Array(await value.arrayBuffer())];
  }
  return { fields, files };
}
