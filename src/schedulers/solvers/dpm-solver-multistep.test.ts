import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import * as torch from "../../torch/index.ts";
import { NoiseSchedule } from "../noise/noise-schedule.ts";
import { DPMSolverMultistepScheduler } from "./dpm-solver-multistep.ts";

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
      "ode-dpmsolver",
      'Expected "dpmsolver++" or "sde-dpmsolver++" or "dpmsolver" or "sde-dpmsolver"',
    ],
    ["use_dynamic_shifting", true, "Expected false for use_dynamic_shifting"],
    ["thresholding", 1, "Expected true or false for thresholding"],
    [
      "trained_betas",
      [2],
      "Expected null or a list of at most 100000 numbers from 0 to 1 for trained_betas",
    ],
    ["variance_type", "none", 'Expected null or "learned" or "learned_range"'],
    ["beta_schedule", "sigmoid", 'Expected "linear" or "scaled_linear" or "squaredcos_cap_v2"'],
    [
      "prediction_type",
      "x0",
      'Expected "epsilon" or "sample" or "v_prediction" or "flow_prediction"',
    ],
    ["solver_order", 4, "Expected 2 or 1 or 3 for solver_order"],
    ["solver_type", "bh3", 'Expected "midpoint" or "heun" for solver_type'],
    ["beta_start", 0, "Expected a positive number for beta_start"],
    ["num_train_timesteps", 1.5, "Expected an integer from 1 to 100000 for num_train_timesteps"],
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

  it.each([
    [
      { algorithm_type: "sde-dpmsolver" },
      'Expected "sigma_min" for final_sigmas_type where algorithm_type is "sde-dpmsolver" but received "zero"',
    ],
    [
      { algorithm_type: "sde-dpmsolver", final_sigmas_type: "sigma_min", solver_order: 3 },
      'Expected 1 or 2 for solver_order where algorithm_type is "sde-dpmsolver" but received 3',
    ],
    [
      { prediction_type: "flow_prediction" },
      'Expected true for use_flow_sigmas where prediction_type is "flow_prediction" but received false',
    ],
    [
      {
        prediction_type: "flow_prediction",
        use_flow_sigmas: true,
        algorithm_type: "dpmsolver",
        final_sigmas_type: "sigma_min",
      },
      'Expected "dpmsolver++" or "sde-dpmsolver++" for algorithm_type where prediction_type is "flow_prediction" but received "dpmsolver"',
    ],
    [
      { use_flow_sigmas: true, use_beta_sigmas: true },
      "Expected at most one spacing of noise levels but received use_beta_sigmas and use_flow_sigmas",
    ],
  ])("refuses what has no meaning together: %j", (config, message) => {
    expect(() => DPMSolverMultistepScheduler.fromConfig(config)).toThrow(message);
  });

  it("takes other samplers' solver and algorithm types as diffusers does", () => {
    const json = { algorithm_type: "deis", solver_type: "bh2" };
    expect(DPMSolverMultistepScheduler.fromConfig(json).toConfig()).toMatchObject({
      algorithm_type: "dpmsolver++",
      solver_type: "midpoint",
    });
  });

  it("takes a first timestep that was not planned as the last, like diffusers", () => {
    using scheduler = DPMSolverMultistepScheduler.fromConfig();
    torch.tidy(() => {
      const x = torch.tensor([[0.5]]);
      const from = (timestep: number): number => {
        scheduler.setTimesteps(4);
        return scheduler.step(x, timestep, x).prevSample.item();
      };
      expect(from(7)).toBe(from(250));
    });
  });

  it("leaves the variance out of what the model predicts", () => {
    using scheduler = DPMSolverMultistepScheduler.fromConfig({ variance_type: "learned_range" });
    scheduler.setTimesteps(2);
    torch.tidy(() => {
      const x = torch.ones([1, 4, 2, 2]);
      expect(scheduler.step(torch.ones([1, 8, 2, 2]), 999, x).prevSample.shape).toEqual(x.shape);
    });
  });

  it("refuses betas of another number than its timesteps once it is used", () => {
    const scheduler = DPMSolverMultistepScheduler.fromConfig({ trained_betas: [0.1, 0.3] });
    expect(() => scheduler.setTimesteps(4)).toThrow(
      "Expected 1000 values (num_train_timesteps) for trained_betas but received 2",
    );
  });

  it("refuses steps out of order", () => {
    using scheduler = DPMSolverMultistepScheduler.fromConfig();
    torch.tidy(() => {
      const x = torch.tensor([1]);
      const step = (t: number): unknown => scheduler.step(x, t, x);
      expect(() => step(999)).toThrow("Expected setTimesteps to be called before step");
      scheduler.setTimesteps(2);
      step(999);
      expect(() => step(999)).toThrow("Expected 500 for timestep but received 999");
      step(500);
      expect(() => step(500)).toThrow(
        "Expected no more than 2 steps: call setTimesteps to start again",
      );
    });
    expect(() => scheduler.setTimesteps(0)).toThrow(
      "Expected a positive integer for numInferenceSteps but received 0",
    );
  });
});
