import { readFileSync } from "node:fs";
import { join } from "node:path";
import { RELEASED_BASES } from "../../config/goals/bases.ts";
import { shippedModel, shippedPipelines } from "../../hub/index.ts";
import type { Starts } from "../api-types.ts";

type Base = Starts["bases"][number];

/** Purposes of the models included in the package. */
const SHIPPED: Readonly<Record<string, string>> = {
  "emoji-small":
    "Comes with the package: draws emoji of animals, plants, food and drinks at 64 px. Minutes on any machine",
  "emoji-demo":
    "Comes with the package: knows 64 emoji well, and nothing else. Minutes on any machine",
};

/** The models that fine-tuning can start from. */
export const bases = (): Base[] => [
  ...shippedPipelines()
    .toSorted((a, b) => Number(b === "emoji-small") - Number(a === "emoji-small"))
    .map((name) => ({
      name,
      text: SHIPPED[name] ?? "Comes with the package",
      resolution: sideOf(shippedModel(name) ?? ""),
    })),
  ...RELEASED_BASES,
];

/** Side in pixels that a pipeline was trained for, from its config files; 0 if they don't say. */
export function sideOf(folder: string): number {
  const read = (part: string): Readonly<Record<string, unknown>> =>
    Object(JSON.parse(readFileSync(join(folder, part, "config.json"), "utf8")));
  try {
    const { sample_size: size } = read("transformer");
    const { block_out_channels: levels } = read("vae");
    return Array.isArray(levels) ? Number(size) * 2 ** (levels.length - 1) : 0;
  } catch {
    return 0;
  }
}

/** Folder of a base's tokenizer, if it is included in the package. */
export function tokenizerOf(base: string): string | undefined {
  const folder = shippedModel(base);
  return folder === undefined ? undefined : join(folder, "tokenizer");
}
