import type { AttentionPlan } from "../models/pixart/attention-cache.ts";
import { expected, shownValue } from "./expected.ts";
import { checkOptions, isNumber } from "./known-options.ts";

/**
 * From which part of the steps to which pictures are guided, 0 being the first step and 1 the end; the others take the prompt's
 * prediction alone, at half the work (arXiv 2404.07724; diffusers `ClassifierFreeGuidance`, `start` and `stop`).
 */
export type GuidanceInterval = readonly [start: number, stop: number];

/** T-GATE (arXiv 2404.02747): attentions whose outputs hardly change are not computed at every step. The names are its authors'. */
export interface TgateOptions {
  /** From this step on cross-attention is taken from the step before, and pictures are no longer guided. Counted from 0. */
  readonly gateStep: number;
  /** Before the gate self-attention is computed at each so many steps. Default 5. */
  readonly spInterval?: number;
  /** From the gate on self-attention is computed at each so many steps. Default 1. */
  readonly fiInterval?: number;
  /** So many steps compute all before self-attention is first taken again. Default 2. */
  readonly warmUp?: number;
}

const FRACTIONS = "two numbers from 0 to 1, the first the smaller,";

/** Throws for options that mean nothing, and for those that don't go together. */
export function checkStepGuidance(
  interval: GuidanceInterval | undefined,
  tgate: TgateOptions | undefined,
  numInferenceSteps: number,
): void {
  if (interval !== undefined) {
    const [start = Number.NaN, stop = Number.NaN] = interval;
    const isInterval = interval.length === 2 && start >= 0 && start < stop && stop <= 1;
    if (!isInterval) throw expected(FRACTIONS, "guidanceInterval", shownValue(interval));
  }
  if (tgate === undefined) return;
  if (interval !== undefined)
    throw expected("nothing beside tgate", "guidanceInterval", shownValue(interval));
  const known = { gateStep: COUNT, spInterval: COUNT, fiInterval: COUNT, warmUp: COUNT };
  checkOptions(tgate, "tgate", known, {});
  const { gateStep } = tgate;
  const all: Required<TgateOptions> = { ...TGATE_DEFAULTS, ...tgate };
  for (const [name, value] of Object.entries(all)) {
    const least = name === "warmUp" ? 0 : 1;
    if (Number.isInteger(value) && value >= least) continue;
    throw expected(`a whole number of at least ${least}`, `tgate.${name}`, shownValue(value));
  }
  if (gateStep >= numInferenceSteps) {
    const which = `a step before the last of ${numInferenceSteps}, counted from 0,`;
    throw expected(which, "tgate.gateStep", gateStep);
  }
}

const COUNT = ["a number", isNumber] as const;

const TGATE_DEFAULTS = { spInterval: 5, fiInterval: 1, warmUp: 2 } as const;

/** Whether a step, counted from 0, is guided where the call is. */
export function isGuidedStep(
  step: number,
  total: number,
  interval: GuidanceInterval | undefined,
  tgate: TgateOptions | undefined,
): boolean {
  if (tgate !== undefined) return step < tgate.gateStep;
  if (interval === undefined) return true;
  const [start, stop] = interval;
  return step >= Math.floor(start * total) && step < Math.floor(stop * total);
}

const COMPUTE = { reuse: false, keep: false } as const;
const KEEP = { reuse: false, keep: true } as const;
const REUSE = { reuse: true, keep: false } as const;

/** What a step, counted from 0, does with attentions (T-GATE `tgate/tgate_utils.py` tgate_scheduler). */
export function tgatePlan(step: number, options: TgateOptions, isGuided: boolean): AttentionPlan {
  const { gateStep, spInterval, fiInterval, warmUp } = { ...TGATE_DEFAULTS, ...options };
  if (step >= gateStep) {
    return { self: step % fiInterval === 0 ? KEEP : REUSE, cross: REUSE, meanOfHalves: false };
  }
  // The last step before the gate keeps what the smaller batches behind it take.
  if (step === gateStep - 1) return { self: KEEP, cross: KEEP, meanOfHalves: isGuided };
  const isKept = step === warmUp || step % spInterval === 0;
  const self = step < warmUp ? COMPUTE : isKept ? KEEP : REUSE;
  return { self, cross: COMPUTE, meanOfHalves: false };
}
