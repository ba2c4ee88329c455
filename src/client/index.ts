/**
 * `pixart/client`: calls a server started by `pixart serve`. For Node.js and browsers, without a dependency.
 * @module
 */
export { PixartClient, type PixartClientOptions, type WatchOptions } from "./client.ts";
export { PixartError } from "./pixart-error.ts";
export type { CallOptions, EditOptions, GenerateOptions } from "./requests.ts";
export type { ClientPicture, DrawEvent, DrawnPictures } from "./results.ts";
