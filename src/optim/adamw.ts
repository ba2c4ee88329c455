import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";

/** Parameters, by name, that are updated with the same settings. */
export interface ParameterGroup {
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Factor on the learning rate that step() is given. */
  readonly lrScale?: number;
  readonly weightDecay?: number;
}

/** Settings of {@link AdamW}, with the defaults of the paper's recipe (PixArt-alpha, configs/PixArt_xl2_internal.py). */
export interface AdamWOptions {
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  readonly weightDecay?: number;
}

interface Moments {
  readonly name: string;
  readonly parameter: Tensor;
  readonly expAvg: Tensor;
  readonly expAvgSq: Tensor;
  readonly step: Tensor;
}

/** AdamW (Loshchilov and Hutter, 2019, arXiv 1711.05101) over libtorch's fused operator: one call a group. */
export class AdamW {
  readonly #groups: readonly {
    readonly group: ParameterGroup;
    readonly moments: readonly Moments[];
  }[];
  readonly #betas: readonly [number, number];
  readonly #eps: number;
  readonly #weightDecay: number;

  constructor(groups: readonly ParameterGroup[], options: AdamWOptions = {}) {
    this.#betas = options.betas ?? [0.9, 0.999];
    this.#eps = options.eps ?? 1e-8;
    this.#weightDecay = options.weightDecay ?? 0.03;
    this.#groups = groups.map((group) => ({
      group,
      moments: [...group.parameters].map(([name, parameter]) => ({
        name,
        parameter,
        expAvg: torch.keep(torch.zerosLike(parameter)),
        expAvgSq: torch.keep(torch.zerosLike(parameter)),
        step: torch.keep(torch.zeros([])),
      })),
    }));
  }

  /** Updates every parameter that has a gradient. */
  step(lr: number): void {
    torch.noGrad(() =>
      torch.tidy(() => {
        for (const { group, moments } of this.#groups) this.#stepGroup(lr, group, moments);
      }),
    );
  }

  #stepGroup(lr: number, group: ParameterGroup, all: readonly Moments[]): void {
    const gradients: Tensor[] = [];
    const moments = all.filter(({ parameter }) => {
      const gradient = parameter.grad;
      if (gradient !== undefined) gradients.push(gradient);
      return gradient !== undefined;
    });
    if (moments.length === 0) return;
    torch.foreachAdd_(
      moments.map((m) => m.step),
      1,
    );
    torch.fusedAdamw_(
      moments.map((m) => m.parameter),
      gradients,
      moments.map((m) => m.expAvg),
      moments.map((m) => m.expAvgSq),
      [],
      moments.map((m) => m.step),
      {
        lr: lr * (group.lrScale ?? 1),
        beta1: this.#betas[0],
        beta2: this.#betas[1],
        weightDecay: group.weightDecay ?? this.#weightDecay,
        eps: this.#eps,
        amsgrad: false,
        maximize: false,
      },
    );
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const { parameter } of this.#all()) parameter.grad = undefined;
  }

  *#all(): Generator<Moments> {
    for (const { moments } of this.#groups) yield* moments;
  }

  /** The moments, as `exp_avg.<name>`, `exp_avg_sq.<name>` and `step.<name>`; the optimizer's own tensors, not copies. */
  stateDict(): Map<string, Tensor> {
    const state = new Map<string, Tensor>();
    for (const { name, expAvg, expAvgSq, step } of this.#all()) {
      state
        .set(`exp_avg.${name}`, expAvg)
        .set(`exp_avg_sq.${name}`, expAvgSq)
        .set(`step.${name}`, step);
    }
    return state;
  }

  /** Takes back what {@link stateDict} gave. Throws where a moment is missing. */
  loadStateDict(state: ReadonlyMap<string, Tensor>): void {
    torch.noGrad(() => {
      for (const [key, tensor] of this.stateDict()) {
        const saved = state.get(key);
        if (saved === undefined) throw new Error(`The saved optimizer state lacks ${key}`);
        tensor.copy_(saved);
      }
    });
  }

  /** Gives back the memory of the moments. */
  dispose(): void {
    for (const tensor of this.stateDict().values()) tensor.dispose();
  }
}
