import type { Module, ProductLayer } from "../../../nn/index.ts";
import * as torch from "../../../torch/index.ts";
import { productLayers } from "../config/targets.ts";
import { MAGNITUDE, planDecomposed, type StretchedAxis } from "../kinds/decomposed.ts";
import { loHaPlan } from "../kinds/loha.ts";
import { loKrPlan } from "../kinds/lokr.ts";
import { A, B, B_BIAS, loraPlan, MID } from "../kinds/lora.ts";
import { planDifference } from "../kinds/own-tensors.ts";
import type { AddedPart, PartPlan } from "../kinds/part.ts";
import type { LayerLayout, Layout } from "../layout.ts";
import type { ArrangedFile, FileTensor, LayerTensors } from "./arrange.ts";
import { ALPHA, DORA_SCALE } from "./file-keys.ts";

/** What a file without a configuration says about its use. */
export interface FileLayout {
  readonly layout: Layout;
  /** For layers with a rank, by name. */
  readonly ranks: ReadonlyMap<string, { readonly rank: number; readonly alpha: number }>;
  /** Layers without an alpha, which defaults to the rank. */
  readonly withoutAlpha: readonly string[];
}

/** The layout of an adapter whose file has no configuration, derived from its tensors and their sizes. */
export function layoutOfFile(
  model: Module,
  { layers: found }: Pick<ArrangedFile, "layers">,
  alpha: number | undefined,
): FileLayout {
  const layout = new Map<string, LayerLayout>();
  const ranks = new Map<string, { rank: number; alpha: number }>();
  const withoutAlpha: string[] = [];
  for (const [name, layer] of productLayers(model)) {
    const tensors = found.get(name);
    if (tensors === undefined) continue;
    const plans: PartPlan[] = [];
    const rank = rankOf(tensors);
    if (rank !== undefined) {
      const own = tensors.get(ALPHA);
      const given = own === undefined ? alpha : torch.tidy(() => own.read().float().item());
      if (given === undefined) withoutAlpha.push(name);
      ranks.set(name, { rank, alpha: given ?? rank });
      plans.push(planAdded(tensors, layer, { rank, alphaOverRank: (given ?? rank) / rank }));
    }
    const differences = ["diff", "diff_b"].filter((key) => tensors.has(key));
    if (differences.length > 0) plans.push(planDifference(differences, layer));
    if (plans.length > 0) layout.set(name, { layer, plans });
  }
  return { layout, ranks, withoutAlpha };
}

const has = (tensors: LayerTensors, start: string): boolean =>
  [...tensors.keys()].some((key) => key.startsWith(start));

const size = (tensors: LayerTensors, key: string, dimension: number): number | undefined =>
  tensors.get(key)?.shape[dimension];

/** The rank of a factored change; 1 for LoKr of two whole matrices, which has no scale. */
function rankOf(tensors: LayerTensors): number | undefined {
  if (tensors.has(A) || tensors.has(B)) return size(tensors, A, 0) ?? size(tensors, B, 1) ?? 1;
  if (has(tensors, "hada_")) return size(tensors, "hada_w1_b", 0) ?? 1;
  if (!has(tensors, "lokr_")) return undefined;
  return size(tensors, "lokr_w2_b", 0) ?? size(tensors, "lokr_w1_b", 0) ?? 1;
}

function planAdded(
  tensors: LayerTensors,
  layer: ProductLayer,
  scale: { readonly rank: number; readonly alphaOverRank: number },
): PartPlan {
  const plan = planFactors(tensors, layer, scale);
  const magnitude = tensors.get(MAGNITUDE) ?? tensors.get(DORA_SCALE);
  return magnitude === undefined ? plan : planDecomposed(plan, layer, axisOf(magnitude, layer));
}

function planFactors(
  tensors: LayerTensors,
  layer: ProductLayer,
  scale: { readonly rank: number; readonly alphaOverRank: number },
): PartPlan<AddedPart> {
  if (has(tensors, "hada_")) {
    const hasCores = tensors.has("hada_t1") || tensors.has("hada_t2");
    return loHaPlan({ ...scale, hasCores }, layer);
  }
  if (has(tensors, "lokr_")) {
    const [isFirstWhole, isSecondWhole] = [tensors.has("lokr_w1"), tensors.has("lokr_w2")];
    const factored = tensors.has("lokr_t2") ? "core" : "factors";
    const outputs = size(tensors, isFirstWhole ? "lokr_w1" : "lokr_w1_a", 0) ?? 1;
    const inputs = size(tensors, isFirstWhole ? "lokr_w1" : "lokr_w1_b", 1) ?? 1;
    const isWhole = isFirstWhole && isSecondWhole;
    return loKrPlan(
      {
        rank: scale.rank,
        alphaOverRank: isWhole ? 1 : scale.alphaOverRank,
        first: [outputs, inputs],
        firstForm: isFirstWhole ? "whole" : "factors",
        secondForm: isSecondWhole ? "whole" : factored,
      },
      layer,
    );
  }
  const [hasBias, hasMid] = [tensors.has(B_BIAS), tensors.has(MID)];
  return loraPlan({ ...scale, start: true, hasBias, hasMid }, layer);
}

/** LyCORIS scales per output, (out, 1), or per input, (1, in). */
export function axisOf({ shape }: FileTensor, { weight }: ProductLayer): StretchedAxis {
  const [outputs, inputs] = weight.shape;
  return shape[0] !== outputs && shape[0] === 1 && shape[1] === inputs ? "inputs" : "outputs";
}
