import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  DPMSolverMultistepScheduler,
  NoiseSchedule,
  type Scheduler,
  schedulerFromConfig,
  schedulerFromPretrained,
} from "../../src/schedulers/index.ts";
import * as torch from "../../src/torch/index.ts";
import { runPython } from "./python.ts";

const script = fileURLToPath(new URL("schedulers.py", import.meta.url));
const shape = [2, 4, 2, 4];
const size = 64;

interface Case {
  readonly kind: string;
  readonly name: string;
  readonly steps: number;
  readonly timesteps?: readonly number[];
  readonly config?: Record<string, unknown>;
  readonly eta?: number;
  readonly seeds?: readonly number[];
  /** Of the largest value; 0, that is to the bit, where left out. */
  readonly tolerance?: number;
}

const stableDiffusion = { beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012 };
const linear = { beta_schedule: "linear", beta_start: 0.0001, beta_end: 0.02 };
// NumPy's power and logarithm need not be the JavaScript engine's.
const close = 1e-6;

const dpmSolver: Omit<Case, "kind">[] = [
  ...[1, 2, 4, 8, 14, 15, 20, 50, 100].map((steps) => ({ name: "default", steps })),
  { name: "heun", steps: 20, config: { solver_type: "heun" } },
  { name: "first order", steps: 20, config: { solver_order: 1 } },
  { name: "third order", steps: 20, config: { solver_order: 3 } },
  { name: "third order, short", steps: 6, config: { solver_order: 3 } },
  { name: "leading", steps: 20, config: { timestep_spacing: "leading", steps_offset: 1 } },
  { name: "trailing", steps: 20, config: { timestep_spacing: "trailing" } },
  { name: "trailing, odd", steps: 7, config: { timestep_spacing: "trailing" } },
  { name: "own timesteps", steps: 4, timesteps: [900, 500, 499, 20] },
  { name: "Karras", steps: 20, config: { use_karras_sigmas: true }, tolerance: close },
  { name: "Lu", steps: 20, config: { use_lu_lambdas: true }, tolerance: close },
  { name: "exponential", steps: 20, config: { use_exponential_sigmas: true }, tolerance: close },
  { name: "sigma_min", steps: 20, config: { final_sigmas_type: "sigma_min" } },
  {
    name: "sigma_min, higher order to the end",
    steps: 10,
    config: { final_sigmas_type: "sigma_min", lower_order_final: false },
  },
  {
    name: "Euler at the end",
    steps: 20,
    config: { final_sigmas_type: "sigma_min", euler_at_final: true },
  },
  { name: "v-prediction", steps: 20, config: { prediction_type: "v_prediction" } },
  { name: "x0-prediction", steps: 20, config: { prediction_type: "sample" } },
  { name: "Stable Diffusion's schedule", steps: 20, config: stableDiffusion },
  { name: "clipped lambda", steps: 20, config: { lambda_min_clipped: -4.5 } },
  ...["midpoint", "heun"].flatMap((solver_type) => [
    {
      name: `stochastic, ${solver_type}`,
      steps: 16,
      config: { algorithm_type: "sde-dpmsolver++", solver_type },
    },
    {
      name: `plain, ${solver_type}`,
      steps: 16,
      config: { algorithm_type: "dpmsolver", final_sigmas_type: "sigma_min", solver_type },
    },
  ]),
  {
    name: "stochastic, third order, v-prediction",
    steps: 16,
    config: {
      algorithm_type: "sde-dpmsolver++",
      solver_order: 3,
      prediction_type: "v_prediction",
    },
  },
  ...["epsilon", "sample", "v_prediction"].map((prediction_type) => ({
    name: `plain, third order, ${prediction_type}`,
    steps: 16,
    config: {
      algorithm_type: "dpmsolver",
      final_sigmas_type: "sigma_min",
      solver_order: 3,
      prediction_type,
    },
  })),
];

const predictions = ["sample", "v_prediction"].map((prediction_type) => ({
  name: prediction_type,
  config: { prediction_type },
}));
const spacings = ["linspace", "leading", "trailing"].map((timestep_spacing) => ({
  name: timestep_spacing,
  config: { timestep_spacing, steps_offset: 1 },
}));
const respacings = [
  { name: "Karras", config: { use_karras_sigmas: true }, tolerance: close },
  { name: "exponential", config: { use_exponential_sigmas: true }, tolerance: close },
];

const others: Record<string, Omit<Case, "kind" | "steps">[]> = {
  DDIMScheduler: [
    { name: "default" },
    { name: "released file", config: { clip_sample: false, timestep_spacing: "linspace" } },
    { name: "eta", eta: 0.7 },
    { name: "final alpha", config: { set_alpha_to_one: false, clip_sample_range: 0.5 } },
    ...spacings,
    ...predictions,
  ],
  DDPMScheduler: [
    { name: "default" },
    { name: "own timesteps", timesteps: [999, 401, 400, 0] },
    { name: "one timestep", timesteps: [400], config: { clip_sample: false } },
    ...spacings,
    ...predictions,
  ],
  EulerDiscreteScheduler: [
    { name: "default" },
    { name: "own timesteps", timesteps: [999, 401, 400, 0] },
    { name: "sigma_min", config: { final_sigmas_type: "sigma_min" } },
    ...spacings,
    ...predictions,
    ...respacings,
  ],
  EulerAncestralDiscreteScheduler: [
    { name: "default" },
    { name: "v-prediction", config: { prediction_type: "v_prediction" } },
    ...spacings,
  ],
  HeunDiscreteScheduler: [
    { name: "default" },
    { name: "PixArt's schedule", config: { ...linear, clip_sample: true } },
    { name: "own timesteps", timesteps: [999, 401, 400, 0] },
    ...spacings,
    ...predictions,
    ...respacings,
  ],
  UniPCMultistepScheduler: [
    { name: "default" },
    { name: "first order", config: { solver_order: 1 } },
    { name: "third order", config: { solver_order: 3 }, tolerance: close },
    // To no noise at all, diffusers' bh1 ends in NaN.
    { name: "bh1", config: { solver_type: "bh1", final_sigmas_type: "sigma_min" } },
    { name: "no correction after two steps", config: { disable_corrector: [0, 3] } },
    {
      name: "noise, to the least level",
      config: { predict_x0: false, final_sigmas_type: "sigma_min", lower_order_final: false },
    },
    ...spacings,
    ...predictions,
    ...respacings,
  ],
  SASolverScheduler: [
    { name: "default" },
    { name: "first order", config: { predictor_order: 1, corrector_order: 1 } },
    {
      name: "third order",
      config: { predictor_order: 3, corrector_order: 3, lower_order_final: false },
      tolerance: close,
    },
    { name: "mixed orders", config: { predictor_order: 1, corrector_order: 2 } },
    ...spacings,
    ...predictions,
    ...respacings,
  ],
  LCMScheduler: [
    { name: "default" },
    { name: "PixArt's file", config: linear },
    { name: "own timesteps", timesteps: [999, 401, 400, 19] },
    { name: "clipped", config: { clip_sample: true, timestep_scaling: 0.01 } },
    ...predictions,
  ],
};
const kinds = ["DPMSolverMultistepScheduler", ...Object.keys(others)];

const cases: Case[] = [
  ...dpmSolver.map((entry) => ({ kind: "DPMSolverMultistepScheduler", ...entry })),
  ...Object.entries(others).flatMap(([kind, list]) =>
    list.flatMap((entry): Case[] =>
      entry.timesteps === undefined
        ? [4, 11].map((steps) => ({ kind, steps, ...entry }))
        : [{ kind, steps: entry.timesteps.length, ...entry }],
    ),
  ),
  { kind: "DDPMScheduler", name: "one generator a row", steps: 3, seeds: [3, 4] },
  { kind: "LCMScheduler", name: "one generator a row", steps: 3, seeds: [3, 4] },
];

const wave = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.fround(1.7 * Math.sin(12.9898 * (i + 1) + seed)));

interface Answer {
  readonly cases: readonly {
    readonly timesteps: number[];
    readonly sigmas: number[] | null;
    readonly initNoiseSigma: number;
    readonly start: number[];
    readonly inputs: number[][];
    readonly trajectory: number[][];
    readonly originals: (number[] | null)[];
  }[];
  readonly table: { readonly betas: number[]; readonly alphas_cumprod: number[] };
  readonly noisy: Record<string, number[]>;
  readonly configs: Record<string, Record<string, string>>;
}

const inputs = cases.map((entry) => ({
  seeds: [5],
  config: {},
  ...entry,
  shape,
  sample: wave(size, 0),
  // Heun's method asks twice a step.
  outputs: Array.from({ length: 2 * entry.steps }, (_, step) => wave(size, step + 1)),
}));
const addNoise = {
  steps: 20,
  indices: [0, 7, 19],
  original: [wave(8, 1), wave(8, 2), wave(8, 3)],
  noise: [wave(8, 4), wave(8, 5), wave(8, 6)],
};
const saved = (kind: string): Scheduler =>
  schedulerFromConfig({ _class_name: kind, num_train_timesteps: 500, steps_offset: 1 });

let folder: string;
let answer: Answer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixart-scheduler-"));
  for (const kind of kinds) await saved(kind).savePretrained(join(folder, kind));
  answer = (await runPython(script, { cases: inputs, addNoise, kinds, folder })) as Answer;
});

afterAll(() => rm(folder, { recursive: true }));

/** The largest difference, as a part of the largest value. */
function relativeError(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  expect(ours.length).toBe(theirs.length);
  let difference = 0;
  let scale = 0;
  for (const [index, value] of Array.from(theirs).entries()) {
    difference = Math.max(difference, Math.abs((ours[index] ?? Number.NaN) - value));
    scale = Math.max(scale, Math.abs(value));
  }
  return scale === 0 ? difference : difference / scale;
}

const asTensor = (values: readonly number[] = []): torch.Tensor =>
  torch.fromTypedArray(Float32Array.from(values), shape);

describe("schedulers against diffusers", () => {
  it.each(inputs.map((input, index) => ({ ...input, index })))(
    "take the same steps: $kind, $name, $steps steps",
    ({ kind, config, steps, timesteps, outputs, tolerance = 0, eta, seeds, index }) => {
      const theirs = answer.cases[index];
      if (theirs === undefined) throw new Error("no answer");
      using scheduler = schedulerFromConfig({ _class_name: kind, ...config });
      scheduler.setTimesteps(timesteps === undefined ? steps : { timesteps });
      expect(relativeError(scheduler.timesteps, theirs.timesteps)).toBeLessThanOrEqual(tolerance);
      if ("sigmas" in scheduler && theirs.sigmas !== null) {
        const { sigmas } = scheduler as { sigmas: number[] };
        expect(relativeError(sigmas, theirs.sigmas)).toBeLessThanOrEqual(tolerance);
      }
      expect(relativeError([scheduler.initNoiseSigma], [theirs.initNoiseSigma])).toBeLessThan(1e-6);

      const generators = seeds.map((seed) => torch.generator(seed));
      const [first] = generators;
      const generator = generators.length > 1 ? generators : first;
      torch.tidy(() => {
        let given = asTensor(theirs.start);
        let worst = 0;
        const compare = (ours: torch.Tensor, expected: readonly number[] = []): void => {
          worst = Math.max(worst, relativeError(ours.toFloat32Array(), expected));
        };
        for (const [step, timestep] of scheduler.timesteps.entries()) {
          compare(scheduler.scaleModelInput(given, timestep), theirs.inputs[step]);
          const result = scheduler.step(asTensor(outputs[step]), timestep, given, {
            generator,
            eta,
          });
          compare(result.prevSample, theirs.trajectory[step]);
          const original = theirs.originals[step] ?? undefined;
          expect(result.predOriginalSample === undefined).toBe(original === undefined);
          if (result.predOriginalSample) compare(result.predOriginalSample, original);
          given = asTensor(theirs.trajectory[step]);
        }
        expect(worst).toBeLessThanOrEqual(tolerance);
      });
    },
  );

  it("follows the same path when every step starts from its own last one", () => {
    const index = cases.findIndex(({ name, steps }) => name === "default" && steps === 50);
    using scheduler = DPMSolverMultistepScheduler.fromConfig();
    scheduler.setTimesteps(50);
    torch.tidy(() => {
      let x = asTensor(wave(size, 0));
      for (const [step, timestep] of scheduler.timesteps.entries()) {
        x = scheduler.step(asTensor(wave(size, step + 1)), timestep, x).prevSample;
      }
      const last = answer.cases[index]?.trajectory.at(-1) ?? [];
      expect(relativeError(x.toFloat32Array(), last)).toBe(0);
    });
  });

  it.each(kinds)("add noise as diffusers does: %s", (kind) => {
    torch.tidy(() => {
      const scheduler = schedulerFromConfig({ _class_name: kind });
      scheduler.setTimesteps(addNoise.steps);
      const ours = scheduler.addNoise(
        torch.tensor(addNoise.original),
        torch.tensor(addNoise.noise),
        addNoise.indices.map((index) => scheduler.timesteps[index] ?? Number.NaN),
      );
      const theirs = answer.noisy[kind] ?? [];
      expect(relativeError(ours.toFloat32Array(), theirs)).toBeLessThanOrEqual(1e-6);
    });
  });

  it("hold the same float32 tables, to the bit", () => {
    const schedule = NoiseSchedule.float32();
    expect(Array.from(schedule.betas)).toEqual(answer.table.betas);
    expect(Array.from(schedule.alphasCumprod)).toEqual(answer.table.alphas_cumprod);
  });

  it.each(kinds)("write files that diffusers reads, and read its own: %s", async (kind) => {
    expect(answer.configs[kind]).toMatchObject({ num_train_timesteps: "500", steps_offset: "1" });
    const back = await schedulerFromPretrained(join(folder, kind, "python"));
    expect(back.toConfig()).toEqual(saved(kind).toConfig());
    const ours = Object.keys(saved(kind).toConfig()).toSorted();
    const theirs = JSON.parse(
      (await readFile(join(folder, kind, "python", "scheduler_config.json"), "utf8")).replaceAll(
        "-Infinity",
        "null",
      ),
    ) as object;
    expect([...ours, "_diffusers_version"].toSorted()).toEqual(Object.keys(theirs).toSorted());
  });
});
