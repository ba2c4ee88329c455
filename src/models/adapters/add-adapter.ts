import { construct, type Module, type ProductLayer } from "../../nn/index.ts";
import type { Generator, Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { Adapter, adaptersOf, refuseMergedLayers } from "./adapter.ts";
import { type AdapterConfig, type AdapterOptions, adapterConfig } from "./config.ts";
import type { AdapterPart, PartPlan } from "./part.ts";
import { planPart } from "./plan.ts";
import { AdapterStack, stackOn } from "./stack.ts";
import { findTargets } from "./targets.ts";

/** How {@link addAdapter} makes an adapter. */
export interface AddAdapterOptions {
  /** What it is called here; files don't have it. */
  readonly name?: string | undefined;
  /** Drawn from, layer by layer; libtorch's default generator if left out. */
  readonly generator?: Generator | undefined;
}

/**
 * Puts a new adapter on a model's layers, started as PEFT starts it: without effect, unless the configuration says
 * otherwise. It trains, and the model's own weights are frozen. Throws for fields that are not understood, and where the
 * targets name no layer, or other modules too.
 */
export function addAdapter(
  model: Module,
  options: AdapterOptions,
  { name = "default", generator }: AddAdapterOptions = {},
): Adapter {
  const config = adapterConfig(options);
  refuseUntrainable(config);
  const start = config.peftType === "LORA" ? config.initLoraWeights : true;
  if (start === "orthogonal" || start === "eva") {
    throw new Error(
      `Expected true, false or "gaussian" for initLoraWeights of a new adapter but received "${start}"`,
    );
  }
  const adapter = prepareAdapter(model, name, config).attach(({ tensors }, { weight }) => {
    const { device } = weight;
    const made = new Map<string, Tensor>();
    construct(generator === undefined ? {} : { generator }, () => {
      for (const [key, { shape, initialize }] of tensors) {
        const tensor = torch.empty(shape, { dtype: "float32", device });
        made.set(key, tensor);
        initialize(tensor, made);
      }
    });
    return made;
  });
  return train(model, adapter);
}

/** Lets an adapter train and freezes the model's own weights. */
export function train(model: Module, adapter: Adapter): Adapter {
  model.requiresGrad_(false);
  return adapter.requiresGrad_(true);
}

/** Throws for what training needs and is not there. */
export function refuseUntrainable(config: AdapterConfig): void {
  const rates = Object.entries(config).filter(([field]) => field.endsWith("Dropout"));
  for (const [field, rate] of rates) {
    if (rate === 0) continue;
    throw new Error(
      `Expected 0 for ${field} of an adapter that trains, as nothing drops out here, but received ${rate}`,
    );
  }
}

/** An adapter that is worked out and not yet on its layers. */
export interface PreparedAdapter {
  /** What it will be made of, by the name of the layer. */
  readonly plans: ReadonlyMap<string, PartPlan>;
  /** Puts it on its layers, with the tensors that `make` gives for each. Where that throws the model stays as it was. */
  readonly attach: (make: MakeTensors) => Adapter;
}

/** The tensors of a part on a layer. */
export type MakeTensors = (
  plan: PartPlan,
  layer: ProductLayer,
  name: string,
) => ReadonlyMap<string, Tensor>;

/** Finds an adapter's layers and works out its parts. Throws where it does not fit the model as it is. */
export function prepareAdapter(
  model: Module,
  name: string,
  config: AdapterConfig,
): PreparedAdapter {
  if (adaptersOf(model).some((adapter) => adapter.name === name)) {
    throw new Error(`Expected a name that no other adapter has but received "${name}"`);
  }
  const layers = findTargets(model, config);
  refuseMergedLayers(layers, `another adapter, "${name}"`);
  if (config.peftType === "OFT") refuseSecondRotation(layers, name);
  const plans = new Map(
    [...layers].map(([layerName, layer]) => [layerName, planPart(config, layerName, layer)]),
  );
  const attach = (make: MakeTensors): Adapter => {
    const adapter = new Adapter(name, config, model, layers);
    const parts: [layer: ProductLayer, part: AdapterPart][] = [];
    try {
      for (const [layerName, layer] of layers) {
        const plan = plans.get(layerName) as PartPlan;
        torch.tidy(() => {
          parts.push([layer, plan.build(adapter, make(plan, layer, layerName))]);
        });
      }
    } catch (error) {
      for (const [, part] of parts) part.dispose();
      throw error;
    }
    for (const [layer, part] of parts) {
      const stack = stackOn(layer) ?? new AdapterStack();
      stack.add(part);
      layer.adapters = stack;
    }
    return adapter;
  };
  return { plans, attach };
}

/** Rotations do not commute, and PEFT applies several in one order unmerged and in another merged. */
function refuseSecondRotation(layers: ReadonlyMap<string, ProductLayer>, name: string): void {
  for (const [layerName, layer] of layers) {
    const other = [...(stackOn(layer)?.parts ?? [])].find(
      ({ state }) => state instanceof Adapter && state.config.peftType === "OFT",
    );
    if (other === undefined) continue;
    throw new Error(
      `Expected one OFT adapter at most on ${layerName}, because rotations do not add up, but received "${name}" beside "${other.state.name}"`,
    );
  }
}
