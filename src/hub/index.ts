export { HubError, HubUnreachableError } from "./errors.ts";
export { type ResolveOptions, resolveModel } from "./resolve-model.ts";
export type { WantedFile } from "./wanted-files.ts";
