import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { foreignFields } from "../../src/schedulers/config/foreign-fields.ts";
import {
  DPMSolverMultistepScheduler,
  NoiseSchedule,
  type Scheduler,
  schedulerFromConfig,
  schedulerFromPretrained,
} from "../../src/schedulers/index.ts";
import { betaQuantile } from "../../src/schedulers/noise/beta-quantile.ts";
import * as torch from "../../src/torch/index.ts";
import { runPython } from "./python.ts";
import { type Case, cases, kinds } from "./schedulers-cases.ts";

const script = fileURLToPath(new URL("schedulers.py", import.meta.url));
const shape = [2, 4, 2, 4];
const size = 64;

const wave = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.fround(1.7 * Math.sin(12.9898 * (i + 1) + seed)));

interface Answer {
  readonly cases: readonly {
    readonly timesteps: number[];
    readonly sigmas: number[] | null;
    readonly initNoiseSigma: number;
    readonly start: number[];
    /** The sample with noise of the level at which it begins, if it begins later. */
    readonly begun: number[] | null;
    readonly inputs: number[][];
    readonly trajectory: number[][];
    readonly originals: (number[] | null)[];
  }[];
  readonly table: { readonly betas: number[]; readonly alphas_cumprod: number[] };
  readonly fields: string[];
  readonly foreign: Record<string, unknown>[];
  readonly quantiles: number[];
  readonly noisy: Record<string, number[]>;
  readonly configs: Record<string, Record<string, string>>;
}

const inputs = cases.map((entry) => ({
  seeds: [5],
  config: {},
  ...entry,
  shape,
  sample: wave(size, 0),
  // Heun's method asks twice a step, and PNDM's first three steps ask four times.
  outputs: Array.from({ length: 2 * entry.steps + 9 }, (_, step) =>
    wave(entry.learned ? 2 * size : size, step + 1),
  ),
}));
const addNoise = {
  steps: 20,
  indices: [0, 7, 19],
  original: [wave(8, 1), wave(8, 2), wave(8, 3)],
  noise: [wave(8, 4), wave(8, 5), wave(8, 6)],
};
const quantiles = [0, 1e-9, 0.001, 0.1, 0.25, 0.5, 0.6, 0.9, 0.9999, 1 - 1e-12, 1].flatMap((p) =>
  [
    [0.6, 0.6],
    [2, 5],
  ].map(([a = 1, b = 1]) => [p, a, b] as const),
);
/** A class, and the file of another that it is made from. */
const foreign = [
  "DDIMScheduler",
  "DDPMScheduler",
  "UniPCMultistepScheduler",
  "DEISMultistepScheduler",
]
  .flatMap((kind) =>
    ["DPMSolverMultistepScheduler", "PNDMScheduler", undefined].map((from) => ({ kind, from })),
  )
  .map(({ kind, from }): readonly [string, Record<string, unknown>] => [
    kind,
    {
      ...(from !== undefined && { _class_name: from }),
      beta_start: 0.001,
      steps_offset: 1,
      timestep_spacing: "trailing",
      ...(from === "DPMSolverMultistepScheduler" && { solver_type: "heun", variance_type: null }),
    },
  ]);
const saved = (kind: string): Scheduler =>
  schedulerFromConfig({ _class_name: kind, num_train_timesteps: 500, steps_offset: 1 });

let folder: string;
let answer: Answer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixart-scheduler-"));
  for (const kind of kinds) await saved(kind).savePretrained(join(folder, kind));
  const request = { cases: inputs, addNoise, kinds, folder, quantiles, foreign };
  answer = (await runPython(script, request)) as Answer;
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

const asTensor = (values: readonly number[] = [], dtype: torch.DType = "float32"): torch.Tensor => {
  const [rows = 1, , ...rest] = shape;
  const tensor = torch.fromTypedArray(Float32Array.from(values), [values.length]);
  return tensor.reshape([rows, -1, ...rest]).to({ dtype });
};

const planOf = ({ steps, timesteps, sigmas }: Case): Parameters<Scheduler["setTimesteps"]>[0] => {
  if (timesteps !== undefined) return { timesteps };
  return sigmas === undefined ? steps : { sigmas };
};

describe("schedulers against diffusers", () => {
  it.each(inputs.map((input, index) => ({ ...input, index })))(
    "take the same steps: $kind, $name, $steps steps",
    (input) => {
      const { kind, config, outputs, tolerance = 0, eta, seeds, begin = 0, dtype, index } = input;
      const theirs = answer.cases[index];
      if (theirs === undefined) throw new Error("no answer");
      using scheduler = schedulerFromConfig({ _class_name: kind, ...config });
      scheduler.setTimesteps(planOf(input));
      expect(relativeError(scheduler.timesteps, theirs.timesteps)).toBeLessThanOrEqual(tolerance);
      if ("sigmas" in scheduler && theirs.sigmas !== null) {
        const { sigmas } = scheduler as { sigmas: number[] };
        expect(relativeError(sigmas, theirs.sigmas)).toBeLessThanOrEqual(tolerance);
      }
      expect(relativeError([scheduler.initNoiseSigma], [theirs.initNoiseSigma])).toBeLessThan(1e-6);

      const generators = seeds.map((seed) => torch.generator(seed));
      const [first] = generators;
      const generator = generators.length > 1 ? generators : first;
      if (input.begin !== undefined) scheduler.setBeginIndex(begin);
      torch.tidy(() => {
        if (theirs.begun !== null) {
          const firsts = Array.from(
            { length: shape[0] ?? 0 },
            () => scheduler.timesteps[begin] ?? 0,
          );
          const begun = scheduler.addNoise(asTensor(input.sample), asTensor(outputs[0]), firsts);
          expect(relativeError(begun.toFloat32Array(), theirs.begun)).toBeLessThan(1e-6);
        }
        let given = asTensor(theirs.start, dtype);
        let worst = 0;
        const compare = (ours: torch.Tensor, expected: readonly number[] = []): void => {
          worst = Math.max(worst, relativeError(ours.float().toFloat32Array(), expected));
        };
        for (const [step, timestep] of scheduler.timesteps.slice(begin).entries()) {
          compare(scheduler.scaleModelInput(given, timestep), theirs.inputs[step]);
          const result = scheduler.step(asTensor(outputs[step], dtype), timestep, given, {
            generator,
            eta,
          });
          compare(result.prevSample, theirs.trajectory[step]);
          const original = theirs.originals[step] ?? undefined;
          expect(scheduler.endsAtOriginal).toBe(original !== undefined);
          if (original) compare(result.predOriginalSample, original);
          given = asTensor(theirs.trajectory[step], dtype);
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

  it("know all fields of diffusers' samplers, so that one of them in another's file is no slip", () => {
    expect(answer.fields.filter((field) => !foreignFields.has(field))).toEqual([]);
  });

  it.each(foreign.map((entry, index) => ({ kind: entry[0], config: entry[1], index })))(
    "make $kind of $config as diffusers does",
    ({ kind, config, index }) => {
      const { _diffusers_version, ...theirs } = answer.foreign[index] ?? {};
      const ours: Record<string, unknown> = schedulerFromConfig(config, kind).toConfig();
      for (const [key, value] of Object.entries(ours)) {
        // Fields of other samplers are kept in diffusers' configurations, and not here.
        expect([key, theirs[key]]).toEqual([
          key,
          kind === "DDPMScheduler" && value === "fixed_small" ? theirs[key] : value,
        ]);
      }
    },
  );

  it("have SciPy's quantiles of the beta distribution", () => {
    const ours = quantiles.map(([p, a, b]) => betaQuantile(p, a, b));
    for (const [index, value] of ours.entries()) {
      expect(Math.abs(value - (answer.quantiles[index] ?? Number.NaN))).toBeLessThan(
        1e-13 * Math.max(value, 1e-10),
      );
    }
  });

  it("hold the same float32 tables, to the bit", () => {
    const schedule = NoiseSchedule.float32();
    expect(Array.from(schedule.betas)).toEqual(answer.table.betas);
    expect(Array.from(schedule.alphasCumprod)).toEqual(answer.table.alphas_cumprod);
  });

  it.each(kinds)("write files that diffusers reads, and read its own: %s", async (kind) => {
    const { steps_offset: offset } = saved(kind).toConfig();
    expect(answer.configs[kind]).toMatchObject({
      num_train_timesteps: "500",
      ...(offset !== undefined && { steps_offset: "1" }),
    });
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
