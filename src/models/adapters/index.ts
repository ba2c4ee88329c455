export { Adapter, type AppliedAdapter, adaptersOf, type SaveAdapterOptions } from "./adapter.ts";
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
} from "./config/config.ts";
export { type LoadAdapterOptions, loadAdapter } from "./files/load-adapter.ts";
export { type LoadLoraFileOptions, loadLoraFile } from "./files/load-lora-file.ts";
export {
  type MergeOptions,
  mergeAdapters,
  refuseUnmergedAdapters,
  unmergeAdapters,
} from "./merge-adapters.ts";
