import type { DrawForm } from "../form/draw-form.ts";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Length and name before a chunk's data, and the checksum after it. */
const HEAD = 8;
const CHECKSUM = 4;
const LONGEST_TEXT = 2 ** 20;
const KEYWORD = "pixart";

/**
 * The text of a PNG's tEXt chunk with this keyword; undefined if the bytes are not a PNG or have none. Chunks are traversed by
 * their lengths without decoding any.
 */
export function pngText(bytes: Uint8Array, keyword: string): string | undefined {
  if (!SIGNATURE.every((byte, at) => bytes[at] === byte)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const latin1 = (from: number, to: number): string =>
    Array.from(bytes.subarray(from, to), (byte) => String.fromCharCode(byte)).join("");
  for (let at = SIGNATURE.length; at + HEAD <= bytes.length; ) {
    const length = view.getUint32(at);
    const end = at + HEAD + length;
    if (end + CHECKSUM > bytes.length) return undefined;
    if (latin1(at + 4, at + HEAD) === "tEXt" && length <= LONGEST_TEXT) {
      const text = latin1(at + HEAD, end);
      if (text.startsWith(`${keyword}\0`)) return text.slice(keyword.length + 1);
    }
    at = end + CHECKSUM;
  }
  return undefined;
}

/** How a picture of ours was drawn, for the fields of the form; undefined if the PNG has no record. */
export function pngSettings(bytes: Uint8Array): Partial<DrawForm> | undefined {
  const text = pngText(bytes, KEYWORD);
  if (text === undefined) return undefined;
  let record: Readonly<Record<string, unknown>>;
  try {
    record = JSON.parse(text) as typeof record;
  } catch {
    return undefined;
  }
  const { prompt, negativePrompt, steps, guidanceScale, seed, sampler, model } = record;
  if (typeof prompt !== "string") return undefined;
  const isNumber = (value: unknown): value is number => typeof value === "number";
  const isText = (value: unknown): value is string => typeof value === "string";
  return {
    prompt,
    negative: isText(negativePrompt) ? negativePrompt : "",
    ...(isNumber(steps) && { steps }),
    ...(isNumber(guidanceScale) && { guidance: guidanceScale }),
    ...(isNumber(seed) && { seed, keepsSeed: true }),
    ...(isText(sampler) && { scheduler: sampler }),
    ...(isText(model) && { model }),
  };
}
