import { expected, expectedNo } from "../errors/index.ts";
import type { AttentionPlan, AttentionUse } from "../models/pixart/attention-cache.ts";
import type { Tensor } from "../torch/index.ts";
import { checkOptions } from "./checks/known-options.ts";
import { shownValue } from "./checks/shown-value.ts";

/**
 * The part of the steps that is guided, 0 being the first step and 1 the end. The others use the prompt's prediction alone, at
 * half the work (arXiv 2404.07724; diffusers `ClassifierFreeGuidance`, `start` and `stop`).
 */
export type GuidanceInterval = readonly [start: number, stop: number];

/**
 * T-GATE (arXiv 2404.02747): attentions whose outputs hardly change are not computed at every step. The names and defaults are its
 * authors'.
 */
export interface TgateOptions {
  /**
   * The gate: from this step on, counted from 0, cross-attention is that of the step before, and pictures are no longer
   * guided.
   */
  readonly gateStep: number;
  /** Before the gate, the interval in steps at which self-attention is computed. Default 5. */
  readonly spInterval?: number | undefined;
  /** From the gate on, the interval in steps at which self-attention is computed. Default 1. */
  readonly fiInterval?: number | undefined;
  /** Self-attention is computed at every step up to this one. Default 2. */
  readonly warmUp?: number | undefined;
}

/** Which steps are guided, and which attentions are computed. */
export interface StepGuidance {
  readonly guidanceInterval?: GuidanceInterval | undefined;
  readonly tgate?: TgateOptions | undefined;
}

/** Two processes that predict a picture together: one for the negative prompt, one for the prompt. */
export interface GuidanceBranches {
  /** This process's half: 0 for the negative prompt. */
  readonly own: 0 | 1;
  /** (B, …) of this process → (2B, …) of both, the negative prompt's first. */
  readonly gather: (prediction: Tensor) => Tensor;
}

/** With the authors' defaults. */
export const completeTgate = ({
  gateStep,
  spInterval,
  fiInterval,
  warmUp,
}: TgateOptions): { [Name in keyof TgateOptions]-?: number } => ({
  gateStep,
  spInterval: spInterval ?? 5,
  fiInterval: fiInterval ?? 1,
  warmUp: warmUp ?? 2,
});

const FRACTIONS = "two numbers from 0 to 1, the smaller first,";

/** Throws for invalid options, and for those that exclude each other. */
export function checkStepGuidance(
  { guidanceInterval, tgate }: StepGuidance,
  guidanceScale: number,
): void {
  if (guidanceInterval !== undefined) {
    const [start = Number.NaN, stop = Number.NaN] = guidanceInterval;
    const isInterval = guidanceInterval.length === 2 && start >= 0 && start < stop && stop <= 1;
    if (!isInterval) throw expected(FRACTIONS, "guidanceInterval", shownValue(guidanceInterval));
    if (guidanceScale <= 1) {
      throw expected(
        "more than 1, since guidanceInterval is given,",
        "guidanceScale",
        guidanceScale,
      );
    }
  }
  if (tgate === undefined) return;
  if (guidanceInterval !== undefined)
    throw expectedNo("guidanceInterval", "together with tgate", shownValue(guidanceInterval));
  const known = { gateStep: null, spInterval: null, fiInterval: null, warmUp: null };
  checkOptions(tgate, "tgate", known, { gateInterval: "spInterval" });
  for (const [name, value] of Object.entries(completeTgate(tgate))) {
    const least = name === "warmUp" ? 0 : 1;
    if (Number.isInteger(value) && value >= least) continue;
    throw expected(`a whole number of at least ${least}`, `tgate.${name}`, shownValue(value));
  }
}

/** Throws if the number of steps leaves none to guide, or none after the gate. */
export function checkGuidedSteps(
  { guidanceInterval, tgate }: StepGuidance,
  numSteps: number,
): void {
  if (tgate !== undefined && tgate.gateStep >= numSteps) {
    const last = numSteps - 1;
    const wanted = last < 1 ? "more than one step" : `a whole number from 1 to ${last}`;
    throw expected(
      `${wanted}, as the number of steps is ${numSteps},`,
      "tgate.gateStep",
      tgate.gateStep,
    );
  }
  if (guidanceInterval === undefined) return;
  const steps = Array.from({ length: numSteps }, (_, index) => index);
  if (steps.some((index) => isGuidedStep({ guidanceInterval }, index, numSteps))) return;
  const shown = shownValue(guidanceInterval);
  throw expected(
    `an interval that contains at least one of ${numSteps} steps`,
    "guidanceInterval",
    shown,
  );
}

/** Whether a step, counted from 0, is guided in a guided call. */
export function isGuidedStep(
  { guidanceInterval, tgate }: StepGuidance,
  stepIndex: number,
  numSteps: number,
): boolean {
  if (tgate !== undefined) return stepIndex < tgate.gateStep;
  if (guidanceInterval === undefined) return true;
  const [start, stop] = guidanceInterval;
  return stepIndex >= Math.floor(start * numSteps) && stepIndex < Math.floor(stop * numSteps);
}

const COMPUTE: AttentionUse = { reuse: false, keep: false };
const KEEP: AttentionUse = { reuse: false, keep: true };
const REUSE: AttentionUse = { reuse: true, keep: false };

/** How a step, counted from 0, uses attentions (T-GATE `tgate/tgate_utils.py` tgate_scheduler). */
export function tgatePlan(
  stepIndex: number,
  options: TgateOptions,
  isGuided: boolean,
): AttentionPlan {
  const { gateStep, spInterval, fiInterval, warmUp } = completeTgate(options);
  // Outputs that no later step uses are not kept: they are as large as all blocks' tokens.
  const keepIf = (isTaken: boolean): AttentionUse => (isTaken ? KEEP : COMPUTE);
  if (stepIndex >= gateStep) {
    const isComputed = stepIndex % fiInterval === 0;
    const self = isComputed ? keepIf(fiInterval > 1) : REUSE;
    return { self, cross: REUSE, halvesBecomeOne: false };
  }
  // The last step before the gate keeps what the smaller batches after it use.
  if (stepIndex === gateStep - 1)
    return { self: keepIf(fiInterval > 1), cross: KEEP, halvesBecomeOne: isGuided };
  const isComputed = stepIndex <= warmUp || stepIndex % spInterval === 0;
  const self = stepIndex < warmUp ? COMPUTE : isComputed ? keepIf(spInterval > 1) : REUSE;
  return { self, cross: COMPUTE, halvesBecomeOne: false };
}
