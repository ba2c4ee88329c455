import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DPMSolverMultistepScheduler, NoiseSchedule } from "../../src/schedulers/index.ts";
import * as torch from "../../src/torch/index.ts";
import { runPython } from "./python.ts";

const script = fileURLToPath(new URL("schedulers.py", import.meta.url));
const shape = [1, 4, 4, 4];
const size = 64;

interface Case {
  readonly name: string;
  readonly steps: number;
  readonly config: Record<string, unknown>;
  /** Relative; 0, that is to the bit, where left out. */
  readonly tolerance?: number;
}

const cases: Case[] = [
  ...[1, 2, 4, 8, 14, 15, 20, 50, 100].map((steps) => ({ name: "default", steps, config: {} })),
  { name: "heun", steps: 20, config: { solver_type: "heun" } },
  { name: "first order", steps: 20, config: { solver_order: 1 } },
  { name: "third order", steps: 20, config: { solver_order: 3 } },
  { name: "third order, short", steps: 6, config: { solver_order: 3 } },
  { name: "leading", steps: 20, config: { timestep_spacing: "leading", steps_offset: 1 } },
  { name: "trailing", steps: 20, config: { timestep_spacing: "trailing" } },
  { name: "trailing, odd", steps: 7, config: { timestep_spacing: "trailing" } },
  // NumPy's power function need not be the JavaScript engine's.
  { name: "Karras", steps: 20, config: { use_karras_sigmas: true }, tolerance: 1e-6 },
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
  {
    name: "Stable Diffusion's schedule",
    steps: 20,
    config: { beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012 },
  },
  { name: "clipped lambda", steps: 20, config: { lambda_min_clipped: -4.5 } },
];

const wave = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.fround(1.7 * Math.sin(12.9898 * (i + 1) + seed)));

interface Answer {
  readonly cases: readonly {
    readonly timesteps: number[];
    readonly sigmas: number[];
    readonly trajectory: number[][];
  }[];
  readonly table: { readonly betas: number[]; readonly alphas_cumprod: number[] };
  readonly noisy: number[][];
  readonly config: Record<string, string>;
}

const inputs = cases.map((entry) => ({
  ...entry,
  shape,
  sample: wave(size, 0),
  outputs: Array.from({ length: entry.steps }, (_, step) => wave(size, step + 1)),
}));
const addNoise = {
  steps: 20,
  timesteps: [999, 500, 50],
  original: [wave(8, 1), wave(8, 2), wave(8, 3)],
  noise: [wave(8, 4), wave(8, 5), wave(8, 6)],
};
const saved = DPMSolverMultistepScheduler.fromConfig({
  solver_type: "heun",
  use_karras_sigmas: true,
});

let folder: string;
let answer: Answer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixart-scheduler-"));
  await saved.savePretrained(folder);
  answer = (await runPython(script, { cases: inputs, addNoise, folder })) as Answer;
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
  return difference / scale;
}

describe("DPMSolverMultistepScheduler against diffusers", () => {
  it.each(inputs.map((input, index) => ({ ...input, index })))(
    "takes the same steps: $name, $steps steps",
    ({ config, steps, sample, outputs, tolerance = 0, index }) => {
      const theirs = answer.cases[index];
      using scheduler = DPMSolverMultistepScheduler.fromConfig(config);
      scheduler.setTimesteps(steps);
      expect(scheduler.timesteps).toEqual(theirs?.timesteps);
      const sigmaError = relativeError(scheduler.sigmas, theirs?.sigmas ?? []);
      expect(sigmaError).toBeLessThanOrEqual(tolerance);

      torch.tidy(() => {
        let worst = 0;
        let given = torch.fromTypedArray(Float32Array.from(sample), shape);
        for (const [step, timestep] of scheduler.timesteps.entries()) {
          const output = torch.fromTypedArray(Float32Array.from(outputs[step] ?? []), shape);
          const { prevSample } = scheduler.step(output, timestep, given);
          const expected = theirs?.trajectory[step] ?? [];
          worst = Math.max(worst, relativeError(prevSample.toFloat32Array(), expected));
          given = torch.fromTypedArray(Float32Array.from(expected), shape);
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
      let x = torch.fromTypedArray(Float32Array.from(wave(size, 0)), shape);
      for (const [step, timestep] of scheduler.timesteps.entries()) {
        const output = torch.fromTypedArray(Float32Array.from(wave(size, step + 1)), shape);
        x = scheduler.step(output, timestep, x).prevSample;
      }
      const last = answer.cases[index]?.trajectory.at(-1) ?? [];
      expect(relativeError(x.toFloat32Array(), last)).toBe(0);
    });
  });

  it("adds noise as diffusers does", () => {
    torch.tidy(() => {
      const ours = DPMSolverMultistepScheduler.fromConfig().addNoise(
        torch.tensor(addNoise.original),
        torch.tensor(addNoise.noise),
        addNoise.timesteps,
      );
      expect(relativeError(ours.toFloat32Array(), answer.noisy.flat())).toBeLessThanOrEqual(1e-6);
    });
  });

  it("holds the same float32 tables, to the bit", () => {
    const schedule = NoiseSchedule.float32();
    expect(Array.from(schedule.betas)).toEqual(answer.table.betas);
    expect(Array.from(schedule.alphasCumprod)).toEqual(answer.table.alphas_cumprod);
  });

  it("writes a file that diffusers reads, and reads what diffusers writes", async () => {
    expect(answer.config).toMatchObject({
      solver_type: "'heun'",
      use_karras_sigmas: "True",
      lambda_min_clipped: "-inf",
      final_sigmas_type: "'zero'",
    });
    const theirs = join(folder, "python", "scheduler_config.json");
    expect(await readFile(theirs, "utf8")).toContain('"lambda_min_clipped": -Infinity');
    const back = await DPMSolverMultistepScheduler.fromPretrained(join(folder, "python"));
    expect(back.toConfig()).toEqual(saved.toConfig());
  });
});
