import type { TrainConfig } from "./options/train-config.ts";

/**
 * Types a config file and returns the config unchanged; it is checked when it is loaded.
 * @example
 * export default defineConfig({ ...base, seed: 1 });
 */
export function defineConfig(config: TrainConfig): TrainConfig {
  return config;
}
