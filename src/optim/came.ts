import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { BaseOptimizer, inFloat32, splitByRank, zerosOf } from "./base-optimizer.ts";
import { factorShapes, factorsOf, overRoot } from "./factored-square.ts";
import type { ParameterGroup } from "./optimizer.ts";
import { CAME_DEFAULTS, type CameOptions, withDefaults } from "./optimizer-options.ts";
import { clipRootMeanSquare_ } from "./root-mean-square.ts";

/** For a parameter with two dimensions or more; `res` is the instability. */
type MatrixState = Readonly<
  Record<"expAvg" | "expAvgSqRow" | "expAvgSqCol" | "expAvgResRow" | "expAvgResCol", Tensor>
>;
type VectorState = Readonly<Record<"expAvg" | "expAvgSq", Tensor>>;
type CameState = MatrixState | VectorState;

const isMatrix = (state: CameState): state is MatrixState => "expAvgSqRow" in state;
const isVector = (state: CameState): state is VectorState => "expAvgSq" in state;

function newState(parameter: Tensor): CameState {
  const { shape } = parameter;
  const expAvg = zerosOf(parameter);
  if (shape.length < 2) return { expAvg, expAvgSq: zerosOf(parameter) };
  const { row, column } = factorShapes(shape);
  return {
    expAvg,
    expAvgSqRow: zerosOf(parameter, row),
    expAvgSqCol: zerosOf(parameter, column),
    expAvgResRow: zerosOf(parameter, row),
    expAvgResCol: zerosOf(parameter, column),
  };
}

/**
 * CAME (Luo et al. 2023, arXiv 2307.02047, algorithm 2; came-pytorch), PixArt-Σ's optimizer: Adafactor's memory use, with smaller
 * steps for updates that disagree with their mean. Biases and other vectors are not factored and have no such correction.
 */
export class Came extends BaseOptimizer<CameState> {
  readonly #options: Required<CameOptions>;

  /**
   * The state, in float32, has one number per weight, two per row and column of a matrix, and another per weight of a vector.
   * Options are not checked.
   */
  constructor(groups: readonly ParameterGroup[], options: CameOptions = {}) {
    super(splitByRank(groups), newState);
    this.#options = withDefaults(options, CAME_DEFAULTS);
  }

  protected update(lr: number): void {
    this.forBatches(({ group, parameters, gradients, states }) => {
      const matrices = states.filter(isMatrix);
      const updates =
        matrices.length > 0
          ? this.#scaled(inFloat32(gradients), matrices)
          : this.#scaledVectors(inFloat32(gradients), states.filter(isVector));
      clipRootMeanSquare_(updates, this.#options.clipThreshold);
      const means = states.map(({ expAvg }) => expAvg);
      torch.foreachLerp_(means, updates, 1 - this.#options.betas[0]);
      const steps = matrices.length > 0 ? this.#steadied(updates, means, matrices) : means;
      const rate = lr * (group.lrScale ?? 1);
      const decay = group.weightDecay ?? this.#options.weightDecay;
      if (decay !== 0) torch.foreachMul_(parameters, 1 - rate * decay);
      torch.foreachAddList_(parameters, steps, { alpha: -rate });
    });
  }

  /** Gradients over the root of their running square. */
  #scaled(gradients: readonly Tensor[], states: readonly MatrixState[]): Tensor[] {
    const running = states.map((s) => ({ row: s.expAvgSqRow, column: s.expAvgSqCol }));
    const squares = torch.foreachMul(gradients, gradients);
    follow(running, squares, this.#options.eps[0], this.#options.betas[1]);
    return overRoot(gradients, running);
  }

  #scaledVectors(gradients: readonly Tensor[], states: readonly VectorState[]): Tensor[] {
    const running = states.map(({ expAvgSq }) => expAvgSq);
    const squares = torch.foreachMul(gradients, gradients);
    torch.foreachAdd_(squares, this.#options.eps[0]);
    torch.foreachLerp_(running, squares, 1 - this.#options.betas[1]);
    const updates = torch.foreachRsqrt(running);
    torch.foreachMulList_(updates, gradients);
    return updates;
  }

  /** Mean updates over the root of the instability; `updates` are overwritten. */
  #steadied(updates: Tensor[], means: readonly Tensor[], states: readonly MatrixState[]): Tensor[] {
    const running = states.map((s) => ({ row: s.expAvgResRow, column: s.expAvgResCol }));
    torch.foreachSubList_(updates, means);
    torch.foreachMulList_(updates, updates);
    follow(running, updates, this.#options.eps[1], this.#options.betas[2]);
    return overRoot(means, running);
  }
}

/** Moves running factors towards those of `squares` + `eps`. */
function follow(
  running: readonly { readonly row: Tensor; readonly column: Tensor }[],
  squares: readonly Tensor[],
  eps: number,
  beta: number,
): void {
  const now = factorsOf(squares).flatMap(({ row, column }) => [row, column]);
  torch.foreachAdd_(now, eps);
  torch.foreachLerp_(
    running.flatMap(({ row, column }) => [row, column]),
    now,
    1 - beta,
  );
}
