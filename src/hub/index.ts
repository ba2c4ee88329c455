export { HubError, HubUnreachableError, UnknownRevisionError } from "./errors.ts";
export { placeOf, refuseRevision } from "./repository-name.ts";
export { type ResolvedFiles, type ResolveFilesOptions, resolveFiles } from "./resolve-files.ts";
export { type ResolveOptions, resolveModel } from "./resolve-model.ts";
export type { WantedFile } from "./wanted-files.ts";
