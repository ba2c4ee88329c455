import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
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
  { name: "Karras", steps: 20, config: { use_karras_sigmas: true } },
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

const ask = async (request: unknown): Promise<Answer> =>
  (await runPython(script, request)) as Answer;

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
  it("takes the same steps", async () => {
    const inputs = cases.map((entry) => ({
      ...entry,
      shape,
      sample: wave(size, 0),
      outputs: Array.from({ length: entry.steps }, (_, step) => wave(size, step + 1)),
    }));
    const answer = await ask({ cases: inputs });
    for (const [index, input] of inputs.entries()) {
      const theirs = answer.cases[index];
      const label = `${input.name}, ${input.steps} steps`;
      using scheduler = DPMSolverMultistepScheduler.fromConfig(input.config);
      scheduler.setTimesteps(input.steps);
      expect(scheduler.timesteps, label).toEqual(theirs?.timesteps);
      expect(relativeError(scheduler.sigmas, theirs?.sigmas ?? []), label).toBeLessThan(1e-30);

      torch.tidy(() => {
        let worst = 0;
        let given = torch.fromTypedArray(Float32Array.from(input.sample), shape);
        for (const [step, timestep] of scheduler.timesteps.entries()) {
          const output = torch.fromTypedArray(Float32Array.from(input.outputs[step] ?? []), shape);
          const { prevSample } = scheduler.step(output, timestep, given);
          const expected = theirs?.trajectory[step] ?? [];
          worst = Math.max(worst, relativeError(prevSample.toFloat32Array(), expected));
          given = torch.fromTypedArray(Float32Array.from(expected), shape);
        }
        expect(worst, label).toBeLessThanOrEqual(0);
      });
    }
  });

  it("follows the same path when every step starts from its own last one", async () => {
    const steps = 50;
    const outputs = Array.from({ length: steps }, (_, step) => wave(size, step + 1));
    const answer = await ask({
      cases: [{ config: {}, steps, shape, sample: wave(size, 0), outputs }],
    });
    using scheduler = DPMSolverMultistepScheduler.fromConfig();
    scheduler.setTimesteps(steps);
    torch.tidy(() => {
      let x = torch.fromTypedArray(Float32Array.from(wave(size, 0)), shape);
      for (const [step, timestep] of scheduler.timesteps.entries()) {
        const output = torch.fromTypedArray(Float32Array.from(outputs[step] ?? []), shape);
        x = scheduler.step(output, timestep, x).prevSample;
      }
      const last = answer.cases[0]?.trajectory.at(-1) ?? [];
      expect(relativeError(x.toFloat32Array(), last)).toBeLessThanOrEqual(0);
    });
  });

  it("adds noise as diffusers does", async () => {
    const timesteps = [999, 500, 50];
    const original = [wave(8, 1), wave(8, 2), wave(8, 3)];
    const noise = [wave(8, 4), wave(8, 5), wave(8, 6)];
    const answer = await ask({ addNoise: { steps: 20, timesteps, original, noise } });
    torch.tidy(() => {
      const ours = DPMSolverMultistepScheduler.fromConfig().addNoise(
        torch.tensor(original),
        torch.tensor(noise),
        timesteps,
      );
      expect(relativeError(ours.toFloat32Array(), answer.noisy.flat())).toBeLessThanOrEqual(0);
    });
  });

  it("holds the same float32 tables, to the bit", async () => {
    const { table } = await ask({});
    const schedule = NoiseSchedule.float32();
    expect(Array.from(schedule.betas)).toEqual(table.betas);
    expect(Array.from(schedule.alphasCumprod)).toEqual(table.alphas_cumprod);
  });

  it("writes a file that diffusers reads, and reads what diffusers writes", async () => {
    const folder = await mkdtemp(join(tmpdir(), "pixart-scheduler-"));
    try {
      const scheduler = DPMSolverMultistepScheduler.fromConfig({
        solver_type: "heun",
        use_karras_sigmas: true,
      });
      await scheduler.savePretrained(folder);
      const { config } = await ask({ folder });
      expect(config).toMatchObject({
        solver_type: "'heun'",
        use_karras_sigmas: "True",
        lambda_min_clipped: "-inf",
        final_sigmas_type: "'zero'",
      });
      const theirs = join(folder, "python", "scheduler_config.json");
      expect(await readFile(theirs, "utf8")).toContain('"lambda_min_clipped": -Infinity');
      const back = await DPMSolverMultistepScheduler.fromPretrained(join(folder, "python"));
      expect(back.toConfig()).toEqual(scheduler.toConfig());
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
