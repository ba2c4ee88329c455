import type { Module } from "../../../nn/index.ts";
import { productLayers } from "../config/targets.ts";
import { A, B } from "../kinds/lora.ts";
import type { Layout } from "../layout.ts";
import type { ArrangedFile } from "./arrange.ts";
import { parseFileKey } from "./file-keys.ts";

/** Pairs of dimensions that have the same size in a tensor and in the layer's weight. */
const sizes = [
  { ending: A, own: 1, ofWeight: 1 },
  { ending: B, own: 0, ofWeight: 0 },
  { ending: "hada_w1_a", own: 0, ofWeight: 0 },
  { ending: "hada_w1_b", own: 1, ofWeight: 1 },
  { ending: "diff", own: 1, ofWeight: 1 },
] as const;

/**
 * Why an adapter that does not fit was clearly made for another model: another width, or more blocks. Undefined if the sizes
 * don't show it. One sentence instead of a list of every tensor.
 */
export function otherBase(
  model: Module,
  { layers, unknown }: Pick<ArrangedFile, "layers" | "unknown">,
  layout: Layout,
): string | undefined {
  const kind = model.constructor.name;
  const widths = new Map<string, number>();
  for (const [name, tensors] of layers) {
    for (const { ending, own, ofWeight } of sizes) {
      const found = tensors.get(ending)?.shape[own];
      const wanted = layout.get(name)?.layer.weight.shape[ofWeight];
      if (found === undefined || wanted === undefined || found === wanted) continue;
      const pair = `${found} wide, and this one is ${wanted}`;
      widths.set(pair, (widths.get(pair) ?? 0) + 1);
    }
  }
  const [most] = [...widths].toSorted(([, a], [, b]) => b - a);
  if (most !== undefined && most[1] > 1) return `it was made for a ${kind} ${most[0]}`;
  const blocks = Math.max(0, ...productLayers(model).map(([name]) => blockOf(name)));
  const others = unknown.map((key) => blockOf(parseFileKey(key)?.name ?? ""));
  if (others.length === 0 || others.some((block) => block <= blocks)) return undefined;
  return `it was made for a ${kind} of at least ${Math.max(...others) + 1} blocks, and this one has ${blocks + 1}`;
}

/** The number of the block that a layer is in, dotted or flat; −1 if it is in none. */
const blockOf = (name: string): number =>
  Number(/(?:^|[._])blocks?[._](\d+)[._]/.exec(name)?.[1] ?? -1);
