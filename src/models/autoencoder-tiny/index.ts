export { AutoencoderTiny } from "./autoencoder-tiny.ts";
export type { AutoencoderTinyConfig } from "./config.ts";
