export {
  HubError,
  HubUnreachableError,
  UnknownRepositoryError,
  UnknownRevisionError,
} from "./errors.ts";
export {
  isRepositoryName,
  nearestFolder,
  parseRepository,
  refuseRevision,
} from "./repository-name.ts";
export { type ResolvedFiles, type ResolveFilesOptions, resolveFiles } from "./resolve-files.ts";
export { type ResolveOptions, resolveModel } from "./resolve-model.ts";
export { shippedModel, shippedModels, shippedPipelines } from "./shipped-models.ts";
export type { WantedFile } from "./wanted-files.ts";
