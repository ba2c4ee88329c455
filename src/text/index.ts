/** Text processing before the text encoder: captions and tokens. */
export { prepareCaption } from "./captions/captions.ts";
export { cleanCaption } from "./captions/clean-caption.ts";
export { type BatchEncoding, type EncodeOptions, T5Tokenizer } from "./tokenizer/tokenizer.ts";
