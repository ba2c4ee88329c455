import { existsSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { InvalidValueError } from "../../errors/index.ts";
import { CONFIG_FILE } from "../../models/adapters/config/config-file.ts";
import { componentsOf } from "../../models/adapters/files/load-lora-file.ts";
import { BadFileError, readConfig } from "../../weights/index.ts";

/** One value of `--lora`. */
export interface AdapterEntry {
  /** A folder or a file. */
  readonly place: string;
  readonly scale: number;
}

const SCALED = /^(.+)=([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)$/i;

/**
 * `place` or `place=scale`, each place once. A value that exists as a path is taken as a path, whatever it looks like. Throws if
 * the place does not exist.
 */
export function adapterEntries(values: readonly string[]): AdapterEntry[] {
  const entries = values.map((value): AdapterEntry => {
    if (existsSync(value)) return { place: value, scale: 1 };
    const [, place = value, scale = "1"] = SCALED.exec(value) ?? [];
    if (existsSync(place)) return { place, scale: Number(scale) };
    const [, before] = /^(.+)=[^=]*$/.exec(value) ?? [];
    const advice =
      before !== undefined && existsSync(before)
        ? `${before} exists, but what follows it is not a number`
        : "there is no such folder or file";
    throw new InvalidValueError(
      `Expected a PEFT folder or a LoRA file, optionally with =scale, for --lora but received ${value}: ${advice}`,
    );
  });
  const places = new Set<string>();
  for (const { place } of entries) {
    const real = realpathSync(place);
    if (places.has(real)) {
      throw new InvalidValueError(
        `Expected each adapter only once for --lora but received ${place} twice; for twice its effect: ${place}=2`,
      );
    }
    places.add(real);
  }
  return entries;
}

/** The adapter at a path, with the model that it names as its base; undefined if it is not an adapter. */
export function adapterAt(path: string): { readonly base: string | undefined } | undefined {
  const config = join(path, CONFIG_FILE);
  if (existsSync(config)) return { base: baseIn(config) };
  if (existsSync(join(path, "pytorch_lora_weights.safetensors"))) return { base: undefined };
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return undefined;
  try {
    return componentsOf(path) === undefined ? undefined : { base: undefined };
  } catch (error) {
    if (error instanceof BadFileError) return undefined; // some other file
    throw error;
  }
}

/** The model that a configuration names, used only for advice; undefined if the configuration can't be read. */
function baseIn(config: string): string | undefined {
  try {
    const { base_model_name_or_path: base } = readConfig(config);
    return typeof base === "string" && base !== "" ? base : undefined;
  } catch (error) {
    if (error instanceof BadFileError) return undefined;
    throw error;
  }
}
