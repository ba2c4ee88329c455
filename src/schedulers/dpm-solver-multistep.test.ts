import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import * as torch from "../torch/index.ts";
import { DPMSolverMultistepScheduler } from "./dpm-solver-multistep.ts";
import { NoiseSchedule } from "./noise-schedule.ts";

beforeEach(collectGarbage);

// The scheduler file of the released PixArt pipelines.
const released = `{
  "_class_name": "DPMSolverMultistepScheduler",
  "_diffusers_version": "0.22.0.dev0",
  "algorithm_type": "dpmsolver++",
  "beta_end": 0.02,
  "beta_schedule": "linear",
  "beta_start": 0.0001,
  "dynamic_thresholding_ratio": 0.995,
  "euler_at_final": false,
  "lambda_min_clipped": -Infinity,
  "lower_order_final": true,
  "num_train_timesteps": 1000,
  "prediction_type": "epsilon",
  "sample_max_value": 1.0,
  "solver_order": 2,
  "solver_type": "midpoint",
  "steps_offset": 0,
  "thresholding": false,
  "timestep_spacing": "linspace",
  "trained_betas": null,
  "use_karras_sigmas": false,
  "use_lu_lambdas": false,
  "variance_type": null
}
`;

/** Every x of a scalar run from x = 1 with the stand-in model ε̂ = 0.3x + 0.1. */
function scalarRun(scheduler: DPMSolverMultistepScheduler, steps: number): number[] {
  scheduler.setTimesteps(steps);
  return torch.tidy(() => {
    let x = torch.tensor([1]);
    return scheduler.timesteps.map((t) => {
      x = scheduler.step(x.mul(0.3).add(0.1), t, x).prevSample;
      return x.item();
    });
  });
}

async function inFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "pixart-scheduler-"));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe("DPMSolverMultistepScheduler", () => {
  it.each([
    [4, [999, 749, 500, 250]],
    [14, [999, 928, 856, 785, 714, 642, 571, 500, 428, 357, 285, 214, 143, 71]],
    [
      20,
      [
        999, 949, 899, 849, 799, 749, 699, 649, 599, 549, 500, 450, 400, 350, 300, 250, 200, 150,
        100, 50,
      ],
    ],
    [2, [999, 500]],
    [1, [999]],
  ])("spaces %i timesteps as the released pipelines do", (steps, expected) => {
    using scheduler = DPMSolverMultistepScheduler.fromConfig();
    scheduler.setTimesteps(steps);
    expect(scheduler.timesteps).toEqual(expected);
  });

  it("runs from the noisiest level to none", () => {
    using scheduler = DPMSolverMultistepScheduler.fromConfig();
    scheduler.setTimesteps(20);
    expect(scheduler.sigmas[0]).toBeCloseTo(157.40727, 4);
    expect(scheduler.sigmas.at(-2)).toBeCloseTo(0.17601, 5);
    expect(scheduler.sigmas.at(-1)).toBe(0);
    expect(scheduler.initNoiseSigma).toBe(1);
  });

  it.each([
    [4, 0, [5.866324, 19.058559, 34.5639, 37.836239]],
    [8, 5, [25.334566, 27.643311, 26.48147]],
    [20, 0, [1.381953, 1.866144, 2.489633]],
    [20, 17, [25.575842, 25.319691, 24.354336]],
  ])("gives the reference values over %i steps from step %i", (steps, first, expected) => {
    using scheduler = DPMSolverMultistepScheduler.fromConfig();
    const run = scalarRun(scheduler, steps).slice(first, first + expected.length);
    for (const [index, value] of expected.entries()) expect(run[index]).toBeCloseTo(value, 4);
  });

  it("gives x0 in a single step", () => {
    using scheduler = DPMSolverMultistepScheduler.fromConfig();
    const acp = 4.03583e-5;
    const expected = (1 - 0.4 * Math.sqrt(1 - acp)) / Math.sqrt(acp);
    expect((scalarRun(scheduler, 1)[0] ?? 0) / expected).toBeCloseTo(1, 5);
  });

  it("can be run again, and its clone runs beside it", () => {
    using scheduler = DPMSolverMultistepScheduler.fromConfig();
    const first = scalarRun(scheduler, 8);
    expect(scalarRun(scheduler, 8)).toEqual(first);
    using clone = scheduler.clone();
    expect(clone.timesteps).toEqual([]);
    expect(scalarRun(clone, 8)).toEqual(first);
  });

  it("starts in the middle of a schedule, as image-to-image does", () => {
    using scheduler = DPMSolverMultistepScheduler.fromConfig();
    scheduler.setTimesteps(4);
    torch.tidy(() => {
      const x = torch.tensor([1]);
      const first = scheduler.step(torch.tensor([0]), 500, x).prevSample;
      const schedule = NoiseSchedule.linear();
      const growth = Math.sqrt(schedule.at(250).acp / schedule.at(500).acp);
      expect(first.item()).toBeCloseTo(growth, 4);
    });
  });

  it("keeps the model's dtype and rounds no update to it", () => {
    using scheduler = DPMSolverMultistepScheduler.fromConfig();
    scheduler.setTimesteps(4);
    torch.tidy(() => {
      const x = torch.ones([1, 4, 2, 2], { dtype: "bfloat16" });
      expect(scheduler.step(x, 999, x).prevSample.dtype).toBe("bfloat16");
      expect(scheduler.scaleModelInput(x, 999)).toBe(x);
    });
  });

  it("holds tensors between steps only", () => {
    const before = torch.memory().tensors;
    using scheduler = DPMSolverMultistepScheduler.fromConfig({ solver_order: 3 });
    scalarRun(scheduler, 6);
    expect(torch.memory().tensors).toBe(before);
    scheduler.setTimesteps(6);
    torch.tidy(() => {
      const x = torch.tensor([1]);
      scheduler.step(x, 999, x);
      scheduler.step(x, scheduler.timesteps[1] ?? 0, x);
      scheduler.step(x, scheduler.timesteps[2] ?? 0, x);
    });
    expect(torch.memory().tensors).toBe(before + 2);
    scheduler[Symbol.dispose]();
    expect(torch.memory().tensors).toBe(before);
  });

  it("reads the released file, with its bare -Infinity, and gives new fields their defaults", () =>
    inFolder(async (folder) => {
      await writeFile(join(folder, "scheduler_config.json"), released);
      const scheduler = await DPMSolverMultistepScheduler.fromPretrained(folder);
      expect(scheduler.config).toEqual(DPMSolverMultistepScheduler.fromConfig().config);
      expect(scheduler.config.lambdaMinClipped).toBe(Number.NEGATIVE_INFINITY);
      expect(scheduler.config.finalSigmasType).toBe("zero");
    }));

  it("reads back what it saves", () =>
    inFolder(async (folder) => {
      const config = { solver_order: 3, timestep_spacing: "trailing", steps_offset: 1 };
      const scheduler = DPMSolverMultistepScheduler.fromConfig(config);
      await scheduler.savePretrained(join(folder, "scheduler"));
      const back = await DPMSolverMultistepScheduler.fromPretrained(folder, {
        subfolder: "scheduler",
      });
      expect(back.config).toEqual(scheduler.config);
      expect(back.toConfig()).toMatchObject(config);
    }));

  it.each([
    [
      "algorithm_type",
      "sde-dpmsolver",
      'Expected "dpmsolver++" or "sde-dpmsolver++" or "dpmsolver"',
    ],
    ["use_flow_sigmas", true, "Expected false for use_flow_sigmas"],
    ["use_beta_sigmas", true, "Expected false for use_beta_sigmas"],
    ["thresholding", true, "Expected false for thresholding"],
    ["trained_betas", [0.1], "Expected null for trained_betas"],
    ["variance_type", "learned_range", "Expected null for variance_type"],
    ["rescale_betas_zero_snr", true, "Expected false for rescale_betas_zero_snr"],
    ["beta_schedule", "squaredcos_cap_v2", 'Expected "linear" or "scaled_linear"'],
    ["prediction_type", "flow_prediction", 'Expected "epsilon" or "sample" or "v_prediction"'],
    ["solver_order", 4, "Expected 2 or 1 or 3 for solver_order"],
    ["solver_type", "bh2", 'Expected "midpoint" or "heun" for solver_type'],
    ["beta_start", 0, "Expected a positive number for beta_start"],
    ["num_train_timesteps", 1.5, "Expected an integer above 1 for num_train_timesteps"],
  ])("refuses %s = %j by name", (key, value, message) => {
    expect(() => DPMSolverMultistepScheduler.fromConfig({ [key]: value })).toThrow(
      `${message}${message.includes(" for ") ? "" : ` for ${key}`} but received ${JSON.stringify(value)}`,
    );
  });

  it("names the file in every error about it", () =>
    inFolder(async (folder) => {
      const path = join(folder, "scheduler_config.json");
      const read = (): Promise<unknown> => DPMSolverMultistepScheduler.fromPretrained(folder);
      await expect(read()).rejects.toThrow(
        `${path}: file: expected a JSON file but found nothing of that name`,
      );
      await writeFile(path, "[1]");
      await expect(read()).rejects.toThrow(`${path}: file: expected a JSON object but found [1]`);
      await writeFile(path, '{"solver_order": 9}');
      await expect(read()).rejects.toThrow(
        `${path}: Expected 2 or 1 or 3 for solver_order but received 9`,
      );
    }));

  it("refuses steps out of order", () => {
    using scheduler = DPMSolverMultistepScheduler.fromConfig();
    torch.tidy(() => {
      const x = torch.tensor([1]);
      const step = (t: number): unknown => scheduler.step(x, t, x);
      expect(() => step(999)).toThrow("Expected setTimesteps to be called before step");
      scheduler.setTimesteps(2);
      expect(() => step(7)).toThrow(
        "Expected a timestep of the schedule for timestep but received 7",
      );
      step(999);
      expect(() => step(999)).toThrow("Expected 500 for timestep but received 999");
      step(500);
      expect(() => step(500)).toThrow(
        "Expected no more than 2 steps: call setTimesteps to start again",
      );
    });
    expect(() => scheduler.setTimesteps(0)).toThrow(
      "Expected a positive integer for number of inference steps but received 0",
    );
  });
});
