import { inspect } from "node:util";
import { InvalidTypeError, InvalidValueError, UnsupportedError } from "../errors/index.ts";
import { snakeCase } from "../files/reading/case.ts";
import * as torch from "../torch/index.ts";
import { Tensor } from "../torch/index.ts";
import { constructOptions } from "./construct.ts";
import { type Initializer, zeros } from "./init.ts";
import { checkKeys, type StateSource, sourceOf } from "./state-dict.ts";

interface Slot {
  readonly owner: Module;
  readonly field: string;
  readonly key: string;
}

/**
 * Base of every layer and model. Parameters are created with `this.parameter()`, constants with `this.buffer()`; modules assigned
 * to fields are children. Call a module with `call()`, which frees the temporaries of `forward`.
 */
export abstract class Module {
  /** Keys of fields whose name in weight files is not just the field's name in snake_case. */
  static readonly keys: Readonly<Record<string, string>> = {};

  /** False for layers of a single operator: their call() needs no scope, which would cost as much as a small product. */
  static readonly makesTemporaries: boolean = true;

  readonly #parameters = new Set<Tensor>();
  readonly #buffers = new Set<Tensor>();
  #scope: number | undefined;

  /** The computation. Called through {@link call}. */
  abstract forward(...args: never[]): unknown;

  /** Runs `forward` in its own scope: of all tensors made inside, only the result survives. */
  call(...args: Parameters<this["forward"]>): ReturnType<this["forward"]> {
    const forward = this.forward as (...a: unknown[]) => ReturnType<this["forward"]>;
    const { makesTemporaries, name } = this.constructor as typeof Module;
    if (!makesTemporaries) return forward.apply(this, args);
    this.#scope ??= torch.scopeName(name);
    return torch.runInScope(this.#scope, () => forward.apply(this, args));
  }

  /** Creates a trainable parameter. Assign it to a field in the constructor. */
  protected parameter(shape: readonly number[], initialize: Initializer = zeros): Tensor {
    const { device, dtype, onParameter } = constructOptions();
    onParameter?.(shape);
    const tensor = torch.keep(torch.empty(shape, { dtype, device }));
    initialize(tensor);
    tensor.requiresGrad_(true);
    this.#parameters.add(tensor);
    return tensor;
  }

  /** Registers a constant that follows the module's device but is not saved. */
  protected buffer(tensor: Tensor): Tensor {
    this.#buffers.add(torch.keep(tensor));
    return tensor;
  }

  /** Child modules by field. */
  children(): [field: string, child: Module][] {
    return Object.entries(this).filter(
      (entry): entry is [string, Module] => entry[1] instanceof Module,
    );
  }

  /** This module under `prefix`, and all modules below it, by the start of their keys: `transformer_blocks.0.attn1.to_q`. */
  *namedModules(prefix = ""): Generator<[name: string, module: Module]> {
    yield [prefix, this];
    const { keys } = this.constructor as typeof Module;
    for (const [field, child] of this.children()) {
      const key = keys[field] ?? snakeCase(field);
      yield* child.namedModules(prefix === "" ? key : `${prefix}.${key}`);
    }
  }

  *#slots(prefix: string, buffers: boolean): Generator<Slot> {
    const { keys } = this.constructor as typeof Module;
    for (const [field, value] of Object.entries(this)) {
      const key = prefix + (keys[field] ?? snakeCase(field));
      if (value instanceof Module) yield* value.#slots(`${key}.`, buffers);
      else if (value instanceof Tensor) {
        if (this.#parameters.has(value)) {
          if (!buffers) yield { owner: this, field, key };
        } else if (this.#buffers.has(value)) {
          if (buffers) yield { owner: this, field, key };
        } else {
          throw new InvalidTypeError(
            `Expected this.parameter() or this.buffer() for the tensor in ${this.constructor.name}.${field}`,
          );
        }
      } else if (Array.isArray(value) && value.some((item) => item instanceof Module)) {
        throw new InvalidTypeError(
          `Expected a ModuleList for the modules in ${this.constructor.name}.${field}`,
        );
      }
    }
  }

  #get(field: string): Tensor {
    return (this as unknown as Record<string, Tensor>)[field] as Tensor;
  }

  #replace(field: string, tensor: Tensor): void {
    const old = this.#get(field);
    const registry = this.#parameters.has(old) ? this.#parameters : this.#buffers;
    registry.delete(old);
    registry.add(torch.keep(tensor));
    (this as unknown as Record<string, Tensor>)[field] = tensor;
    old.dispose();
  }

  /** Parameters by their key in weight files, in order of construction. */
  namedParameters(): Map<string, Tensor> {
    return new Map(
      [...this.#slots("", false)].map(({ owner, field, key }) => [key, owner.#get(field)]),
    );
  }

  parameters(): Tensor[] {
    return [...this.namedParameters().values()];
  }

  /** Number of trainable and frozen weights. */
  numParameters(): number {
    return this.parameters().reduce((sum, p) => sum + p.numel, 0);
  }

  /** What the module holds instead of parameters that could be saved and moved, if so. */
  get fixed(): string | undefined {
    return undefined;
  }

  #refuseFixed(wanted: string): void {
    for (const [name, { fixed }] of this.namedModules()) {
      if (fixed === undefined) continue;
      throw new UnsupportedError(
        `Expected ${this.constructor.name} with the weights that it was loaded from for ${wanted} but received one with ${fixed} in ${name}; load it again without quantize`,
      );
    }
  }

  /** The saved state: the parameters by key. The tensors are the module's own, not copies. Throws on quantized models. */
  stateDict(): Map<string, Tensor> {
    this.#refuseFixed("stateDict()");
    return this.namedParameters();
  }

  /**
   * Loads weights by key: copies into existing parameters, replaces those made on "meta". Throws one error for all missing,
   * unexpected and mis-shaped keys, before anything is changed.
   */
  loadStateDict(state: StateSource | ReadonlyMap<string, Tensor>): void {
    const source = sourceOf(state);
    const slots = [...this.#slots("", false)];
    const wanted = new Map(slots.map(({ owner, field, key }) => [key, owner.#get(field).shape]));
    checkKeys(this.constructor.name, wanted, source);
    torch.noGrad(() => {
      for (const { owner, field, key } of slots) {
        const parameter = owner.#get(field);
        const { dtype } = parameter;
        torch.tidy(() => {
          const value = source.tensor(key);
          if (parameter.device !== "meta") parameter.copy_(value);
          else
            owner.#replace(
              field,
              value.to({ dtype }).detach().requiresGrad_(parameter.requiresGrad),
            );
        });
      }
    });
  }

  /** Moves parameters and buffers, or changes the dtype of those of floats. Gradients are dropped. Throws on quantized models. */
  to({ device, dtype }: { device?: torch.Device; dtype?: torch.DType }): this {
    this.#refuseFixed("to()");
    torch.noGrad(() => {
      for (const slot of [...this.#slots("", false), ...this.#slots("", true)]) {
        const tensor = slot.owner.#get(slot.field);
        const changed = tensor.to({
          device,
          dtype: torch.isFloatingPoint(tensor.dtype) ? dtype : undefined,
        });
        if (changed === tensor) continue;
        slot.owner.#replace(slot.field, changed.requiresGrad_(tensor.requiresGrad));
      }
    });
    return this;
  }

  /** Turns gradients for all parameters on or off. */
  requiresGrad_(value = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(value);
    return this;
  }

  /** Frees the memory of all parameters and buffers; the module can't be used afterwards. */
  dispose(): void {
    for (const slot of [...this.#slots("", false), ...this.#slots("", true)]) {
      slot.owner.#get(slot.field).dispose();
    }
  }

  /** Device of the first parameter. */
  get device(): torch.Device {
    return this.#first()?.device ?? "cpu";
  }

  /** Dtype of the first parameter. */
  get dtype(): torch.DType {
    return this.#first()?.dtype ?? "float32";
  }

  /** The first parameter, without looking at the others: models are asked for their device in each step. */
  #first(): Tensor | undefined {
    for (const { owner, field } of this.#slots("", false)) return owner.#get(field);
    return undefined;
  }

  toString(): string {
    const lines = this.children().map(
      ([field, child]) => `${field}: ${String(child).replaceAll("\n", "\n  ")}`,
    );
    const inner = lines.length === 0 ? "" : ` {\n  ${lines.join("\n  ")}\n}`;
    return `${this.constructor.name}(${this.numParameters().toLocaleString("en")})${inner}`;
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/** Modules in order; their keys are 0, 1, 2, … */
export class ModuleList<M extends Module> extends Module implements Iterable<M> {
  readonly length: number;

  constructor(modules: readonly M[]) {
    super();
    this.length = modules.length;
    modules.forEach((module, i) => {
      (this as unknown as Record<number, M>)[i] = module;
    });
  }

  /** The module at an index; negative counts from the end. */
  at(index: number): M {
    const module = (this as unknown as Record<number, M>)[index < 0 ? this.length + index : index];
    if (module === undefined)
      throw new InvalidValueError(`Expected an index below ${this.length} but received ${index}`);
    return module;
  }

  *[Symbol.iterator](): Iterator<M> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }

  override forward(): never {
    throw new UnsupportedError("A ModuleList has no forward of its own: call its members");
  }
}
