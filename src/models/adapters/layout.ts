import type { Module, ProductLayer } from "../../nn/index.ts";
import type { AdapterConfig } from "./config/config.ts";
import { findModulesToSave, findTargets, productLayers } from "./config/targets.ts";
import { planReplaced } from "./kinds/own-tensors.ts";
import type { PartPlan } from "./kinds/part.ts";
import { planPart } from "./kinds/plan.ts";

/** The parts on one layer. */
export interface LayerLayout {
  readonly layer: ProductLayer;
  readonly plans: readonly PartPlan[];
}

/** An adapter's layers and the parts on each, by name. */
export type Layout = ReadonlyMap<string, LayerLayout>;

/** The layout that PEFT gives an adapter of this configuration. Throws if it does not fit the model. */
export function layoutOf(model: Module, config: AdapterConfig): Layout {
  const layout = new Map<string, { readonly layer: ProductLayer; readonly plans: PartPlan[] }>();
  const add = (name: string, layer: ProductLayer, plan: PartPlan): void => {
    const found = layout.get(name) ?? { layer, plans: [] };
    found.plans.push(plan);
    layout.set(name, found);
  };
  const targets = findTargets(model, config);
  for (const [name, layer] of targets) add(name, layer, planPart(config, name, layer));
  const saved = findModulesToSave(model, config.modulesToSave ?? []);
  for (const [name, layer] of saved) {
    add(name, layer, planReplaced({ weight: "weight", bias: "bias" }, layer));
  }
  const bias = config.peftType === "LORA" || config.peftType === "OFT" ? config.bias : "none";
  if (bias === "none") return layout;
  for (const [name, layer] of bias === "all" ? productLayers(model) : targets) {
    if (layer.bias === undefined || saved.has(name)) continue;
    // In PEFT, the bias of a layer that has the adapter is inside PEFT's wrapper.
    const key = targets.has(name) ? "base_layer.bias" : "bias";
    add(name, layer, planReplaced({ bias: key }, layer));
  }
  return layout;
}
