import type { Module } from "../../../nn/index.ts";
import { type KeyRule, placeOfKey } from "../../../weights/index.ts";
import { diTOriginalKeys } from "../../dit/original-keys.ts";
import { pixArtOriginalKeys } from "../../pixart/original-keys.ts";
import { productLayers } from "../config/targets.ts";
import type { FileKey } from "./file-keys.ts";

const tables: readonly (readonly KeyRule[])[] = [pixArtOriginalKeys, diTOriginalKeys];

const flat = (name: string): string => name.replaceAll(".", "_");

/** Finds the layers of a model by any name that files use: the one here, the one in the original code, and flat ones. */
export class LayerNames {
  readonly #names = new Map<string, readonly string[]>();
  readonly #flatNames = new Map<string, readonly string[]>();

  constructor(model: Module) {
    const names = productLayers(model).map(([name]) => name);
    const originals = new Map<string, string[]>();
    for (const name of names) {
      for (const table of tables) {
        const place = placeOfKey(`${name}.weight`, table);
        if (place === undefined) continue;
        const original = place.there.replace(/\.weight$/, "");
        const parts = originals.get(original) ?? new Array<string>(place.parts).fill("");
        parts[place.part] = name;
        originals.set(original, parts);
      }
    }
    const whole = [...originals].filter(([, parts]) => !parts.includes(""));
    for (const [name, parts] of [...whole, ...names.map((own) => [own, [own]] as const)]) {
      this.#names.set(name, parts);
      this.#flatNames.set(flat(name), parts);
    }
  }

  /** The layers that a key is for: several if they are row-wise parts of one layer in the original code. */
  find({ name, isFlat }: FileKey): readonly string[] | undefined {
    return (isFlat ? this.#flatNames : this.#names).get(name);
  }
}
