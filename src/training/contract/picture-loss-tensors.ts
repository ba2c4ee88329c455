import type { TensorSpec } from "../../weights/safetensors/safetensors-header.ts";

/** Numbers per picture: how often it was seen, and the sums of its losses, of the expected losses, and of its scores. */
export const PICTURE_FIELDS = 4;
/** Bands are narrow, so that a band's expected loss holds for all of its timesteps. */
export const NARROW_BANDS = 20;
/** Numbers per band: losses seen, mean, variance. */
export const BAND_FIELDS = 3;

/** Names of the tensors with which a checkpoint keeps the losses of pictures. */
export type PictureLossTensor = "pictures" | "bands" | "since" | "names";

/** Element types and shapes of the tensors with which a checkpoint keeps the losses of the pictures of these names. */
export function pictureLossSpecs(
  names: readonly string[],
): Readonly<Record<PictureLossTensor, TensorSpec>> {
  let bytes = 0;
  for (const piece of piecesOf(names)) bytes += piece.length;
  return {
    pictures: { dtype: "float64", shape: [names.length, PICTURE_FIELDS] },
    bands: { dtype: "float64", shape: [NARROW_BANDS, BAND_FIELDS] },
    since: { dtype: "float64", shape: [1] },
    names: { dtype: "uint8", shape: [bytes] },
  };
}

/** Characters joined into one piece. */
const PIECE_LENGTH = 2 ** 18;

/** `JSON.stringify(names)` in UTF-8, in pieces: the names of millions of pictures exceed the maximum string length. */
function* piecesOf(names: readonly string[]): Generator<Buffer> {
  let text = "[";
  for (const [i, name] of names.entries()) {
    text += `${i === 0 ? "" : ","}${JSON.stringify(name)}`;
    if (text.length < PIECE_LENGTH) continue;
    yield Buffer.from(text);
    text = "";
  }
  yield Buffer.from(`${text}]`);
}

/** Names as a JSON list in UTF-8. */
export const namesToBytes = (names: readonly string[]): Uint8Array =>
  Buffer.concat([...piecesOf(names)]);

const [QUOTE, BACKSLASH] = [0x22, 0x5c];

/** The names in a JSON list of texts in UTF-8, read one by one. Throws SyntaxError for a text that is none. */
export function namesFromBytes(bytes: Uint8Array): string[] {
  const names: string[] = [];
  const decoder = new TextDecoder();
  for (let start = bytes.indexOf(QUOTE); start >= 0; ) {
    let end = start + 1;
    while (end < bytes.length && bytes[end] !== QUOTE) end += bytes[end] === BACKSLASH ? 2 : 1;
    names.push(JSON.parse(decoder.decode(bytes.subarray(start, end + 1))));
    start = bytes.indexOf(QUOTE, end + 1);
  }
  return names;
}
