export type { T5Config } from "./config.ts";
export { T5EncoderModel, type T5Inputs } from "./t5-encoder-model.ts";
