import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { AdamW } from "./adamw.ts";
import { BaseOptimizer, inFloat32, zerosOf } from "./base-optimizer.ts";
import type { ParameterGroup } from "./optimizer.ts";
import { MUON_DEFAULTS, type MuonOptions, withDefaults } from "./optimizer-options.ts";

/** Jordan's coefficients of the quintic (https://kellerjordan.github.io/posts/muon/). */
const COEFFICIENTS = [3.4445, -4.775, 2.0315] as const;

/** Tables that are looked up or added but never multiplied, and the layers that output the prediction. */
const NO_HIDDEN_MATRIX =
  /(^|\.)(shared|embed_tokens|embedding_table|relative_attention_bias|proj_out|proj_out_\d)\.weight$/;

/** Whether Muon updates a parameter: the weights of hidden linear layers. */
export const isHiddenMatrix = (name: string, parameter: Tensor): boolean =>
  parameter.shape.length === 2 && name.endsWith(".weight") && !NO_HIDDEN_MATRIX.test(name);

/**
 * Muon (Jordan et al. 2024; torch.optim.Muon): a hidden matrix moves by its orthogonalized momentum. Embeddings, convolutions,
 * biases, tables and the last layer are updated by AdamW, as its author recommends; see {@link isHiddenMatrix}.
 */
export class Muon extends BaseOptimizer<{ readonly momentumBuffer: Tensor }> {
  readonly #options: Required<MuonOptions>;
  readonly #rest: AdamW;

  /**
   * The state has one number in float32 per weight of the hidden matrices, which are found by name and shape, and AdamW's for the
   * others. Options are not checked.
   */
  constructor(groups: readonly ParameterGroup[], options: MuonOptions = {}) {
    const part = (hidden: boolean): ParameterGroup[] =>
      groups.map((group) => ({
        ...group,
        parameters: new Map(
          [...group.parameters].filter(
            ([name, parameter]) => isHiddenMatrix(name, parameter) === hidden,
          ),
        ),
      }));
    super(part(true), (parameter) => ({ momentumBuffer: zerosOf(parameter) }));
    this.#options = withDefaults(options, MUON_DEFAULTS);
    this.#rest = new AdamW(part(false), this.#options);
  }

  override zeroGrad(): void {
    super.zeroGrad();
    this.#rest.zeroGrad();
  }

  override stateDict(): Map<string, Tensor> {
    return new Map([...super.stateDict(), ...this.#rest.stateDict()]);
  }

  override step(lr: number, gradientScale = 1): void {
    super.step(lr, gradientScale);
    this.#rest.step(lr, gradientScale);
  }

  protected update(lr: number): void {
    this.forBatches((batch) => {
      const { group, parameters, states } = batch;
      const gradients = inFloat32(batch.gradients);
      const buffers = states.map(({ momentumBuffer }) => momentumBuffer);
      torch.foreachLerp_(buffers, gradients, 1 - this.#options.momentum);
      const updates = this.#options.nesterov
        ? torch.foreachLerp(gradients, buffers, this.#options.momentum)
        : buffers;
      const rate = lr * (group.lrScale ?? 1);
      const decay = group.weightDecay ?? this.#options.weightDecay;
      if (decay !== 0) torch.foreachMul_(parameters, 1 - rate * decay);
      for (const [i, update] of updates.entries()) {
        torch.tidy(() => {
          const step = orthogonal(update, this.#options.nsSteps);
          parameters[i]?.add_(step, { alpha: -rate * this.#scale(update.shape) });
        });
      }
    });
  }

  #scale([rows = 1, columns = 1]: readonly number[]): number {
    return this.#options.adjustLr === "original"
      ? Math.sqrt(Math.max(1, rows / columns))
      : 0.2 * Math.sqrt(Math.max(rows, columns));
  }
}

/** The matrix with all singular values near one, in bfloat16 as in its author's code. */
function orthogonal(matrix: Tensor, steps: number): Tensor {
  const [a, b, c] = COEFFICIENTS;
  const [rows = 1, columns = 1] = matrix.shape;
  const isTall = rows > columns;
  const narrow = matrix.to({ dtype: "bfloat16" });
  let x = isTall ? narrow.t() : narrow;
  x = x.div(x.norm().clamp({ min: 1e-7 })); // a spectral norm of at most one
  for (let step = 0; step < steps; step++) {
    const gram = x.mm(x.t());
    x = torch.addmm(x, torch.addmm(gram, gram, gram, { beta: b, alpha: c }), x, { beta: a });
  }
  return isTall ? x.t() : x;
}
