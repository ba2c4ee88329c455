import { IncompatibleError } from "../errors/index.ts";
import { snakeCase } from "../files/reading/case.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import type { Optimizer, ParameterGroup } from "./optimizer.ts";

/** An optimizer's state for one parameter. */
type State = Readonly<Record<string, Tensor>>;

/** A trainable parameter and its state. */
interface Slot<S extends State> {
  readonly name: string;
  readonly parameter: Tensor;
  readonly state: S;
}

/** Some parameters of one group, with the gradient and state of each. */
export interface Batch<S extends State> {
  readonly group: ParameterGroup;
  readonly parameters: readonly Tensor[];
  readonly gradients: readonly Tensor[];
  readonly states: readonly S[];
}

const described = (tensor: Tensor): string => `${tensor.dtype}(${tensor.shape.join(", ")})`;

/**
 * Elements (16 MiB of float32) up to which small parameters share a batch. Temporaries are as large as a batch, never as
 * large as the model.
 */
const BATCH_ELEMENTS = 2 ** 22;

/** The bookkeeping of every optimizer: groups, gradients and state. Subclasses define the state and the step. */
export abstract class BaseOptimizer<S extends State> implements Optimizer {
  readonly #groups: readonly {
    readonly group: ParameterGroup;
    readonly slots: readonly Slot<S>[];
  }[];

  /** @param makeState creates the state of a parameter; its tensors are kept */
  constructor(groups: readonly ParameterGroup[], makeState: (parameter: Tensor) => S) {
    this.#groups = torch.noGrad(() =>
      groups.map((group) => ({
        group,
        slots: [...group.parameters].flatMap(([name, parameter]) => {
          if (!parameter.requiresGrad) return [];
          const state = makeState(parameter);
          for (const tensor of Object.values(state)) torch.keep(tensor);
          return [{ name, parameter, state }];
        }),
      })),
    );
  }

  step(lr: number, gradientScale = 1): void {
    torch.noGrad(() =>
      torch.tidy(() => {
        if (gradientScale === 1 || this.scalesGradients) return this.update(lr, gradientScale);
        const gradients = [...this.#slots()].flatMap(({ parameter }) => parameter.grad ?? []);
        if (gradients.length > 0) torch.foreachMul_(gradients, gradientScale);
        this.update(lr, 1);
      }),
    );
  }

  /** Whether {@link update} uses its `gradientScale`. Otherwise gradients are scaled before it. */
  protected readonly scalesGradients: boolean = false;

  /** One step, without gradient recording and inside a scope. */
  protected abstract update(lr: number, gradientScale: number): void;

  /**
   * Runs `body` on parameters of one group that have a gradient, each time in its own scope: at most `elements` at a time, unless
   * a single one has more.
   */
  protected forBatches(body: (batch: Batch<S>) => void, elements: number = BATCH_ELEMENTS): void {
    for (const { group, slots } of this.#groups) {
      let waiting: (Slot<S> & { readonly gradient: Tensor })[] = [];
      let count = 0;
      const flush = (): void => {
        if (waiting.length > 0) {
          torch.tidy(() =>
            body({
              group,
              parameters: waiting.map(({ parameter }) => parameter),
              gradients: waiting.map(({ gradient }) => gradient),
              states: waiting.map(({ state }) => state),
            }),
          );
        }
        waiting = [];
        count = 0;
      };
      for (const slot of slots) {
        const gradient = slot.parameter.grad;
        if (gradient === undefined) continue;
        const size = gradient.numel;
        if (count + size > elements) flush();
        waiting.push({ ...slot, gradient });
        count += size;
      }
      flush();
    }
  }

  zeroGrad(): void {
    for (const { parameter } of this.#slots()) parameter.grad = undefined;
  }

  *#slots(): Generator<Slot<S>> {
    for (const { slots } of this.#groups) yield* slots;
  }

  stateDict(): Map<string, Tensor> {
    return new Map(
      [...this.#slots()].flatMap(({ name, state }) =>
        Object.entries(state).map(
          ([kind, tensor]) => [`${snakeCase(kind)}.${name}`, tensor] as const,
        ),
      ),
    );
  }

  loadStateDict(state: ReadonlyMap<string, Tensor>): void {
    const own = this.stateDict();
    const mistakes = [...own].flatMap(([key, tensor]) => {
      const saved = state.get(key);
      if (saved === undefined) return [`lacks ${key}`];
      const [found, wanted] = [described(saved), described(tensor)];
      return found === wanted ? [] : [`has ${key} as ${found} where ${wanted} is expected`];
    });
    for (const key of state.keys()) {
      if (!own.has(key)) mistakes.push(`has ${key}, which this optimizer does not keep`);
    }
    if (mistakes.length > 0)
      throw new IncompatibleError(`The saved optimizer state ${mistakes.join("; ")}`);
    torch.noGrad(() => {
      for (const [key, tensor] of own) tensor.copy_(state.get(key) ?? tensor);
    });
  }

  dispose(): void {
    for (const tensor of this.stateDict().values()) tensor.dispose();
  }
}

/** Gradients in float32, the dtype of every state except AdamW's. */
export const inFloat32 = (gradients: readonly Tensor[]): Tensor[] =>
  gradients.map((gradient) => gradient.float());

/** A new state in float32. */
export const zerosOf = (parameter: Tensor, shape: readonly number[] = parameter.shape): Tensor =>
  torch.zeros(shape, { device: parameter.device });

/** Splits each group in two: parameters with two dimensions or more, and the others. A batch then only contains one kind. */
export function splitByRank(groups: readonly ParameterGroup[]): ParameterGroup[] {
  return groups.flatMap((group) =>
    [true, false].map((isMatrix) => ({
      ...group,
      parameters: new Map(
        [...group.parameters].filter(([, { shape }]) => shape.length > 1 === isMatrix),
      ),
    })),
  );
}
