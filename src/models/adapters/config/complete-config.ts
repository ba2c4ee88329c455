import { expected, InvalidTypeError, InvalidValueError } from "../../../errors/index.ts";
import { completeConfig } from "../../config-fields.ts";
import { adapterFields } from "./adapter-fields.ts";
import type { AdapterConfig, AdapterOptions } from "./config.ts";

/**
 * The whole configuration from the fields given. Throws for another kind of adapter, or lists every field that is unknown or not
 * understood.
 */
export function adapterConfig(given: AdapterOptions): AdapterConfig {
  const fields = adapterFields(given.peftType, "peftType");
  return consistent(completeConfig(fields, { ...given }) as unknown as AdapterConfig);
}

/** Throws if fields contradict each other. */
export function consistent(config: AdapterConfig): AdapterConfig {
  const { targetModules, layersToTransform, layersPattern } = config;
  const isPattern = typeof targetModules === "string";
  if (isPattern && (layersToTransform !== null || layersPattern !== null)) {
    throw new InvalidTypeError(
      "Expected a list of names for targetModules, used with layersToTransform or layersPattern, but received a string",
    );
  }
  if (layersPattern !== null && layersToTransform === null) {
    throw new InvalidValueError(
      "Expected numbers for layersToTransform, used with layersPattern, but received null",
    );
  }
  if (config.peftType === "LORA" && config.loraBias && config.useDora) {
    throw expected("false", "one of loraBias and useDora", "true for both");
  }
  if (config.peftType === "OFT" && (config.r === 0) === (config.oftBlockSize === 0)) {
    throw new InvalidValueError(
      `Expected 0 for exactly one of r and oftBlockSize but received ${config.r} and ${config.oftBlockSize}`,
    );
  }
  return config;
}
