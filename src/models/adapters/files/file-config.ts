import type { Module, ProductLayer } from "../../../nn/index.ts";
import { adapterConfig } from "../config/complete-config.ts";
import type { AdapterConfig } from "../config/config.ts";
import { findTargets } from "../config/targets.ts";
import { MAGNITUDE } from "../kinds/decomposed.ts";
import { A, B, B_BIAS } from "../kinds/lora.ts";
import type { ArrangedFile, LayerTensors } from "./arrange.ts";
import { ALPHA, DORA_SCALE } from "./file-keys.ts";
import { axisOf, type FileLayout } from "./file-layout.ts";

/** The tensors of each kind that PEFT has too. */
const kinds = [
  { peftType: "LORA", needs: [A, B] },
  { peftType: "LORA", needs: [A, B, MAGNITUDE], useDora: true },
  { peftType: "LORA", needs: [A, B, B_BIAS], loraBias: true },
  {
    peftType: "LOHA",
    needs: ["hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"],
  },
] as const;

/**
 * The configuration with which PEFT would make the adapter of a file again; undefined if there is none, as for layers of
 * different kinds.
 */
export function fileConfig(
  model: Module,
  { layers }: Pick<ArrangedFile, "layers">,
  { layout, ranks }: FileLayout,
): AdapterConfig | undefined {
  const found = [...layers].filter(([name]) => layout.has(name));
  const made = found.map(([name, tensors]) => keysOf(tensors, layout.get(name)?.layer));
  const kind = kinds.find(({ needs }) => made.every((keys) => isEqual(keys, needs)));
  if (kind === undefined) return undefined;
  const targetModules = found.map(([name]) => name);
  const { r, alpha, rankPattern, alphaPattern } = patterns(ranks);
  const shared = { targetModules, r, rankPattern, alphaPattern };
  const config =
    kind.peftType === "LOHA"
      ? adapterConfig({ peftType: "LOHA", ...shared, alpha })
      : adapterConfig({
          peftType: "LORA",
          ...shared,
          loraAlpha: alpha,
          useDora: "useDora" in kind,
          loraBias: "loraBias" in kind,
        });
  // PEFT also matches the ends of names.
  return findTargets(model, config).size === found.length ? config : undefined;
}

/** A layer's tensors in PEFT's terms, which has none for DoRA's lengths of inputs. */
const keysOf = (tensors: LayerTensors, layer: ProductLayer | undefined): string[] =>
  [...tensors].flatMap(([key, tensor]) => {
    if (key === ALPHA) return [];
    const isOfOutputs =
      key === DORA_SCALE && layer !== undefined && axisOf(tensor, layer) === "outputs";
    return [isOfOutputs ? MAGNITUDE : key];
  });

const isEqual = (keys: readonly string[], others: readonly string[]): boolean =>
  keys.length === others.length && keys.every((key) => others.includes(key));

/** The first layer's rank and alpha for all, with exceptions by name. */
function patterns(ranks: FileLayout["ranks"]): {
  r: number;
  alpha: number;
  rankPattern: Record<string, number>;
  alphaPattern: Record<string, number>;
} {
  const [first = { rank: 1, alpha: 1 }] = ranks.values();
  const named = [...ranks].map(([name, own]) => [`^${name.replaceAll(".", "\\.")}`, own] as const);
  return {
    r: first.rank,
    alpha: first.alpha,
    rankPattern: Object.fromEntries(
      named.flatMap(([pattern, { rank }]) => (rank === first.rank ? [] : [[pattern, rank]])),
    ),
    alphaPattern: Object.fromEntries(
      named.flatMap(([pattern, { alpha }]) => (alpha === first.alpha ? [] : [[pattern, alpha]])),
    ),
  };
}
