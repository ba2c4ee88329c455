import { IncompatibleError, InvalidValueError } from "../../errors/index.ts";
import { construct, type Module, type ProductLayer } from "../../nn/index.ts";
import type { Generator, Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { Adapter, type AppliedAdapter, adaptersOf, refuseMergedLayers } from "./adapter.ts";
import { adapterConfig } from "./config/complete-config.ts";
import type { AdapterConfig, AdapterOptions } from "./config/config.ts";
import { isPrincipal } from "./kinds/lora.ts";
import type { AdapterPart, PartPlan } from "./kinds/part.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { AdapterStack, stackOn } from "./stack.ts";

/** Options of {@link addAdapter}. */
export interface AddAdapterOptions {
  /** Its name here; files don't store it. */
  readonly name?: string | undefined;
  /** Source of random numbers, drawn layer by layer. Default: libtorch's default generator. */
  readonly generator?: Generator | undefined;
}

/**
 * Adds a new adapter to a model's layers, initialized as in PEFT: without effect, unless the configuration says otherwise. The
 * adapter trains, and the model's own weights are frozen. Throws for fields that are not understood, and if the targets match no
 * layer or also match other modules.
 */
export function addAdapter(
  model: Module,
  options: AdapterOptions,
  { name = "default", generator }: AddAdapterOptions = {},
): Adapter {
  const config = adapterConfig(options);
  refuseUntrainable(config);
  const start = config.peftType === "LORA" ? config.initLoraWeights : true;
  if (typeof start === "string" && start !== "gaussian") {
    throw new InvalidValueError(
      `Expected true, false or "gaussian" for initLoraWeights of a new adapter but received "${start}"`,
    );
  }
  const layout = layoutOf(model, config);
  const adapter = attachLayout(model, { name, config }, layout, ({ tensors }, { weight }) => {
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

/** Throws for options that training would need and that are not implemented. */
export function refuseUntrainable(config: AdapterConfig): void {
  if (config.peftType === "LORA" && config.initLoraWeights === "mica") {
    throw new InvalidValueError(
      'Expected a value other than "mica" for initLoraWeights of a trainable adapter, since "mica" trains only one of the two matrices',
    );
  }
  const rates = Object.entries(config).filter(([field]) => field.endsWith("Dropout"));
  for (const [field, rate] of rates) {
    if (rate === 0) continue;
    throw new InvalidValueError(
      `Expected 0 for ${field} of a trainable adapter, since dropout is not supported, but received ${rate}`,
    );
  }
}

/** The tensors of a part on a layer. */
export type MakeTensors = (
  plan: PartPlan,
  layer: ProductLayer,
  name: string,
) => ReadonlyMap<string, Tensor>;

/** An adapter's name and, if PEFT has a format for it, its configuration; and the hash of its files, if it is from files. */
export interface AdapterIdentity {
  readonly name: string;
  readonly config: AdapterConfig | undefined;
  readonly filesHash?: AppliedAdapter["hash"];
}

/**
 * Adds an adapter to the layers of its layout, with the tensors that `make` returns for each part. Throws if the model has one of
 * this name, or merged ones on these layers. After any error the model is as it was.
 */
export function attachLayout(
  model: Module,
  { name, config, filesHash }: AdapterIdentity,
  layout: Layout,
  make: MakeTensors,
): Adapter {
  if (adaptersOf(model).some((adapter) => adapter.name === name)) {
    throw new InvalidValueError(`Expected a name that no other adapter has but received "${name}"`);
  }
  const layers = new Map([...layout].map(([layerName, { layer }]) => [layerName, layer]));
  refuseMergedLayers(layers, `another adapter, "${name}"`);
  if (config !== undefined) refuseSecond(layers, config, name);
  const adapter = new Adapter(name, config, model, layers, filesHash);
  const parts: [layer: ProductLayer, part: AdapterPart][] = [];
  try {
    for (const [layerName, { layer, plans }] of layout) {
      torch.tidy(() => {
        for (const plan of plans)
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
}

/** Kinds that a layer can have only once, with the reason. */
const alone: readonly (readonly [
  is: (config: AdapterConfig) => boolean,
  kind: string,
  why: string,
])[] = [
  // PEFT applies several in different orders unmerged and merged.
  [({ peftType }) => peftType === "OFT", "OFT", "rotations do not add up"],
  [
    (config) => config.peftType === "LORA" && isPrincipal(config.initLoraWeights),
    "PiSSA or OLoRA",
    "the second would start from what the first left of the weights",
  ],
];

function refuseSecond(
  layers: ReadonlyMap<string, ProductLayer>,
  config: AdapterConfig,
  name: string,
): void {
  for (const [is, kind, why] of alone) {
    if (!is(config)) continue;
    for (const [layerName, layer] of layers) {
      const other = [...(stackOn(layer)?.parts ?? [])].find(
        ({ state }) => state instanceof Adapter && state.config !== undefined && is(state.config),
      );
      if (other === undefined) continue;
      throw new IncompatibleError(
        `Expected at most one ${kind} adapter on ${layerName}, because ${why}, but received "${name}" as well as "${other.state.name}"`,
      );
    }
  }
}
