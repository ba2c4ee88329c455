export { Adapter, adaptersOf, type SaveAdapterOptions } from "./adapter.ts";
export { type AddAdapterOptions, addAdapter } from "./add-adapter.ts";
export type {
  AdapterConfig,
  AdapterOptions,
  AdapterTargets,
  LoHaConfig,
  LoKrConfig,
  LoraConfig,
  LycorisConfig,
  OFTConfig,
} from "./config.ts";
export { type LoadAdapterOptions, loadAdapter } from "./load-adapter.ts";
export { type LoadLoraFileOptions, loadLoraFile } from "./load-lora-file.ts";
export {
  type MergeOptions,
  mergeAdapters,
  refuseUnmergedAdapters,
  unmergeAdapters,
} from "./merge-adapters.ts";
