import { InvalidValueError } from "../errors/index.ts";
import { isGradEnabled, noGrad, type Tensor, tidy } from "../torch/index.ts";
import { int8Linear, int8Weight } from "../torch/int8.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { checkKeys, type StateSource, sourceOf } from "./state-dict.ts";

// Shapes: I inputs, O outputs.

/**
 * y = x Wᵀ + b for frozen layers on the CPU: the weights are 8-bit integers with one scale per output, and each row of x is
 * rounded to 8-bit integers on input (Dettmers et al. 2022, arXiv 2208.07339, section 2.1, without separate outliers). Takes a
 * quarter of float32's memory. Its tensors are buffers: it has nothing to train or save.
 */
export class QuantizedLinear extends Module {
  readonly packed: Tensor; // (I, O) int8
  readonly scale: Tensor; // (O) float32
  readonly zeroPoint: Tensor; // (O) int64
  readonly bias: Tensor | undefined; // (O) float32

  /** Rounds a layer's weight (O, I), and uses its bias (O). */
  constructor(weight: Tensor, bias?: Tensor) {
    super();
    const { packed, scale, zeroPoint } = noGrad(() => int8Weight(weight));
    this.packed = this.buffer(packed);
    this.scale = this.buffer(scale);
    this.zeroPoint = this.buffer(zeroPoint);
    this.bias = bias && this.buffer(noGrad(() => bias.to({ dtype: "float32", copy: true })));
  }

  override get fixed(): string {
    return "8-bit weights";
  }

  /** (…, I) → (…, O), in the dtype of x. Throws if a gradient is required, because rounding has none. */
  override forward(x: Tensor): Tensor {
    if (isGradEnabled() && x.requiresGrad) {
      throw new InvalidValueError(
        "Expected an input without gradients for QuantizedLinear but received one that requires them; call the model in torch.noGrad()",
      );
    }
    return int8Linear(x, this, this.bias);
  }
}

/**
 * Loads a model made on "meta", with its linear layers whose keys match `layers` as {@link QuantizedLinear}. Each layer is
 * rounded as it is read, so that the whole model is never in memory as floats. The remaining parameters are frozen. Keys are
 * checked as in {@link Module.loadStateDict}.
 */
export function loadQuantized(
  model: Module,
  state: StateSource | ReadonlyMap<string, Tensor>,
  layers: RegExp,
): void {
  const source = sourceOf(state);
  const shapes = [...model.namedParameters()].map(([key, { shape }]) => [key, shape] as const);
  checkKeys(model.constructor.name, new Map(shapes), source);
  const taken = new Set<string>();
  for (const { parent, field, key, layer } of linearsOf(model)) {
    if (!layers.test(key)) continue;
    const [weight, bias] = [`${key}.weight`, `${key}.bias`];
    taken.add(weight).add(bias);
    tidy(() => {
      const rounded = new QuantizedLinear(
        source.tensor(weight),
        layer.bias === undefined ? undefined : source.tensor(bias),
      );
      layer.dispose();
      // Models only call their linear layers, so this one can replace the other in a field.
      (parent as unknown as Record<string, Module>)[field] = rounded;
    });
  }
  model.loadStateDict({
    keys: () => [...source.keys()].filter((key) => !taken.has(key)),
    shape: (key) => source.shape(key),
    tensor: (key) => source.tensor(key),
  });
  model.requiresGrad_(false);
}

function linearsOf(model: Module): { parent: Module; field: string; key: string; layer: Linear }[] {
  const keys = new Map(Array.from(model.namedModules(), ([key, module]) => [module, key]));
  return [...keys.keys()].flatMap((parent) =>
    parent.children().flatMap(([field, layer]) => {
      const key = keys.get(layer);
      return layer instanceof Linear && key !== undefined ? [{ parent, field, key, layer }] : [];
    }),
  );
}
