import { pythonStrip } from "./python-regexp.ts";

/**
 * Lower-cases a caption and strips white space from both ends, as Python's `text.lower().strip()`: as diffusers'
 * `PixArtAlphaPipeline._text_preprocessing` does if `clean_caption` is false. Unrelated to the transformer's method
 * `prepareCaption`, which takes encoded captions.
 */
export function prepareCaption(text: string): string {
  return pythonStrip(text.toLowerCase());
}
