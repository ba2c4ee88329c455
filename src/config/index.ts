export { ConfigError } from "./config-error.ts";
export { configFromJson, configToJson } from "./config-json.ts";
export { defineConfig } from "./define-config.ts";
export type { Filled } from "./filled.ts";
export { loadConfig } from "./load-config.ts";
export type * from "./model-config.ts";
export type * from "./pixart-config.ts";
export { resolveConfig } from "./resolve-config.ts";
export type * from "./stage-config.ts";
