import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { BaseOptimizer, inFloat32, splitByRank, zerosOf } from "./base-optimizer.ts";
import { factorShapes, factorsOf } from "./factored-square.ts";
import type { ParameterGroup } from "./optimizer.ts";
import { ADAFACTOR_DEFAULTS, type AdafactorOptions, withDefaults } from "./optimizer-options.ts";
import { clipRootMeanSquare_, rootMeanSquares } from "./root-mean-square.ts";

type MatrixState = Readonly<Record<"rowVar" | "colVar" | "step", Tensor>>;
type VectorState = Readonly<Record<"variance" | "step", Tensor>>;
type AdafactorState = MatrixState | VectorState;

const isMatrix = (state: AdafactorState): state is MatrixState => "rowVar" in state;
const isVector = (state: AdafactorState): state is VectorState => "variance" in state;

function newState(parameter: Tensor): AdafactorState {
  const step = torch.zeros([]);
  if (parameter.shape.length < 2) return { variance: zerosOf(parameter), step };
  const { row, column } = factorShapes(parameter.shape);
  return { rowVar: zerosOf(parameter, row), colVar: zerosOf(parameter, column), step };
}

/**
 * Adafactor (Shazeer and Stern 2018, arXiv 1804.04235, algorithm 5) as in torch.optim.Adafactor: no momentum; the rate is
 * relative to the size of each parameter, and falls as 1/√t once that is less than the given rate.
 */
export class Adafactor extends BaseOptimizer<AdafactorState> {
  readonly #options: Required<AdafactorOptions>;

  /** The state has one number in float32 per row and column of a matrix, and per weight of a vector. Options are not checked. */
  constructor(groups: readonly ParameterGroup[], options: AdafactorOptions = {}) {
    super(splitByRank(groups), newState);
    this.#options = withDefaults(options, ADAFACTOR_DEFAULTS);
  }

  protected update(lr: number): void {
    this.forBatches((batch) => {
      const { group, parameters, states } = batch;
      const gradients = inFloat32(batch.gradients);
      const counters = states.map(({ step }) => step);
      torch.foreachAdd_(counters, 1);
      const steps = Array.from(torch.stack(counters).toFloat32Array());
      const shares = steps.map((step) => step ** this.#options.beta2Decay);
      const rate = lr * (group.lrScale ?? 1);
      const sizes = rootMeanSquares(inFloat32(parameters));
      torch.foreachClampMin_(sizes, this.#options.eps[1]);
      torch.foreachMulScalars_(
        sizes,
        steps.map((step) => -Math.min(rate, 1 / Math.sqrt(step))),
      );
      const decay = group.weightDecay ?? this.#options.weightDecay;
      if (decay !== 0) torch.foreachMul_(parameters, 1 - rate * decay);
      const matrices = states.filter(isMatrix);
      const updates =
        matrices.length > 0
          ? this.#variances(gradients, matrices, shares)
          : vectorVariances(gradients, states.filter(isVector), shares);
      torch.foreachClampMin_(updates, this.#options.eps[0] ** 2);
      torch.foreachRsqrt_(updates);
      torch.foreachMulList_(updates, gradients);
      clipRootMeanSquare_(updates, this.#options.clipThreshold);
      torch.foreachMulList_(updates, sizes);
      torch.foreachAddList_(parameters, updates);
    });
  }

  /** The running square of every element, from those of its row and column: new tensors. */
  #variances(
    gradients: readonly Tensor[],
    states: readonly MatrixState[],
    shares: readonly number[],
  ): Tensor[] {
    const now = factorsOf(torch.foreachMul(gradients, gradients));
    const rows = states.map(({ rowVar }) => rowVar);
    const columns = states.map(({ colVar }) => colVar);
    torch.foreachLerpScalars_(
      rows,
      now.map(({ row }) => row),
      shares,
    );
    torch.foreachLerpScalars_(
      columns,
      now.map(({ column }) => column),
      shares,
    );
    const means = rows.map((row) => row.mean([-2], true));
    torch.foreachClampMin_(means, this.#options.eps[0]);
    return torch.foreachMul(torch.foreachDiv(rows, means), columns);
  }
}

function vectorVariances(
  gradients: readonly Tensor[],
  states: readonly VectorState[],
  shares: readonly number[],
): Tensor[] {
  const running = states.map(({ variance }) => variance);
  torch.foreachLerpScalars_(running, torch.foreachMul(gradients, gradients), shares);
  return running.map((variance) => variance.clone());
}
