import { beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import * as torch from "../../torch/index.ts";
import { schedulerFromConfig, schedulerNamed, schedulerNames } from "../scheduler-registry.ts";
import type { Scheduler } from "./scheduler.ts";

beforeEach(collectGarbage);

/** Every x of a scalar run from unit noise with the stand-in model ε̂ = 0.3·input + 0.1. */
function scalarRun(scheduler: Scheduler, steps: number): number[] {
  scheduler.setTimesteps(steps);
  return torch.tidy(() => {
    let x = torch.tensor([[scheduler.initNoiseSigma]]);
    const generator = torch.generator(0);
    return scheduler.timesteps.map((t) => {
      const output = scheduler.scaleModelInput(x, t).mul(0.3).add(0.1);
      const wanted = scheduler.usesLearnedVariance ? torch.cat([output, output], 1) : output;
      x = scheduler.step(wanted, t, x, { generator }).prevSample;
      return x.item();
    });
  });
}

const stepsOf = (name: string): number => (name === "dmd" ? 1 : 6);

describe("samplers", () => {
  // Computed with diffusers.
  it.each([
    [
      "DDIMScheduler",
      { clip_sample: false, timestep_spacing: "linspace" },
      [5.866325, 17.47698, 23.726761, 23.655758],
    ],
    ["DDIMScheduler", {}, [0.663046, 0.928883, 0.927337, 0.923601]],
    ["EulerDiscreteScheduler", {}, [98.240829, 72.645256, 54.633446, 54.468533]],
  ])("give the reference values: %s %j", (kind, config, expected) => {
    using scheduler = schedulerFromConfig({ _class_name: kind, ...config });
    const run = scalarRun(scheduler, 4);
    for (const [index, value] of expected.entries()) {
      expect((run[index] ?? 0) / value).toBeCloseTo(1, 5);
    }
  });

  it.each(schedulerNames)("run again alike, and so does a clone: %s", (name) => {
    const before = torch.memory().tensors;
    using scheduler = schedulerNamed(name);
    const first = scalarRun(scheduler, stepsOf(name));
    expect(first.every(Number.isFinite)).toBe(true);
    expect(scalarRun(scheduler, stepsOf(name))).toEqual(first);
    using clone = scheduler.clone();
    expect(clone.timesteps).toEqual([]);
    expect(clone.toConfig()).toEqual(scheduler.toConfig());
    expect(scalarRun(clone, stepsOf(name))).toEqual(first);
    expect(torch.memory().tensors).toBe(before);
  });

  it.each(schedulerNames)("free what a run that was left held: %s", (name) => {
    const before = torch.memory().tensors;
    {
      using scheduler = schedulerNamed(name);
      scheduler.setTimesteps(stepsOf(name));
      const [first = 0, second] = scheduler.timesteps;
      torch.tidy(() => {
        const x = torch.ones([1, 1]);
        const output = torch.ones([1, scheduler.usesLearnedVariance ? 2 : 1]);
        const { prevSample } = scheduler.step(output, first, x);
        if (second !== undefined) scheduler.step(output, second, prevSample);
      });
      scheduler.setTimesteps(stepsOf(name));
      expect(torch.memory().tensors).toBe(before);
    }
    expect(torch.memory().tensors).toBe(before);
  });

  it.each(schedulerNames)("hand out what they take for the clean sample: %s", (name) => {
    using scheduler = schedulerNamed(name);
    scheduler.setTimesteps(stepsOf(name));
    const [first = 0] = scheduler.timesteps;
    torch.tidy(() => {
      const clean = torch.tensor([[0.75], [-0.25]]);
      const noise = torch.tensor([[0.5], [-1.5]]);
      const noisy = scheduler.addNoise(clean, noise, [first, first]);
      const output = scheduler.usesLearnedVariance ? torch.cat([noise, noise], 1) : noise;
      const { predOriginalSample } = scheduler.step(output, first, noisy);
      const found = predOriginalSample.toFloat32Array();
      expect(found[0]).toBeCloseTo(0.75, 2);
      expect(found[1]).toBeCloseTo(-0.25, 2);
    });
  });

  // The Runge-Kutta steps of PNDM are its first, and the stochastic DPM-Solver adds noise in its last step too.
  const beginLater = schedulerNames.filter((name) => name !== "pndm" && name !== "sde-dpm-solver");

  it.each(beginLater)("begin at a later timestep with noise added to match: %s", (name) => {
    using scheduler = schedulerNamed(name);
    scheduler.setTimesteps(stepsOf(name));
    const start = scheduler.timesteps.at(-1) ?? Number.NaN;
    torch.tidy(() => {
      const original = torch.full([1, 1], 0.5);
      const noisy = scheduler.addNoise(original, torch.ones([1, 1]), [start]);
      const input = scheduler.scaleModelInput(noisy, start);
      expect(Number.isFinite(input.item())).toBe(true);
      // The true noise takes it back to near the original.
      const output = torch.cat(
        scheduler.usesLearnedVariance
          ? [torch.ones([1, 1]), torch.full([1, 1], -1)]
          : [torch.ones([1, 1])],
        1,
      );
      const { predOriginalSample, prevSample } = scheduler.step(output, start, noisy);
      expect((predOriginalSample ?? prevSample).item()).toBeCloseTo(0.5, 1);
    });
  });

  it.each(["ddim", "sde-dpm-solver++", "euler", "lcm"])("keep the model's dtype: %s", (name) => {
    using scheduler = schedulerNamed(name);
    scheduler.setTimesteps(2);
    torch.tidy(() => {
      const x = torch.ones([1, 4, 2, 2], { dtype: "bfloat16" });
      const [first = 0] = scheduler.timesteps;
      expect(scheduler.scaleModelInput(x, first).dtype).toBe("bfloat16");
      expect(scheduler.step(x, first, x).prevSample.dtype).toBe("bfloat16");
    });
  });

  it.each(["ddpm", "euler", "heun", "lcm", "dpm-solver++"])("take custom timesteps: %s", (name) => {
    using scheduler = schedulerNamed(name);
    const own = [900, 400, 20];
    scheduler.setTimesteps({ timesteps: own });
    expect([...new Set(scheduler.timesteps)]).toEqual(own);
    for (const timesteps of [[], [1, 2], [5, 5], [1000], [-1]]) {
      expect(() => scheduler.setTimesteps({ timesteps })).toThrow(
        `Expected descending numbers from 999 to 0 for timesteps but received [${timesteps}]`,
      );
    }
  });

  it.each(["ddim", "unipc", "sa-solver", "iddpm", "dpm-solver-original"])(
    "say so where they take none: %s",
    (name) => {
      const scheduler = schedulerNamed(name);
      expect(() => scheduler.setTimesteps({ timesteps: [9, 3] })).toThrow(
        `Expected a number of steps for ${scheduler.className}, which takes no custom timesteps, but received [9,3]`,
      );
    },
  );

  it.each([
    ["DPMSolverMultistepScheduler", "use_lu_lambdas"],
    ["EulerDiscreteScheduler", "use_karras_sigmas"],
    ["HeunDiscreteScheduler", "use_exponential_sigmas"],
  ])("take none where the noise levels are spaced: %s", (kind, key) => {
    const scheduler = schedulerFromConfig({ _class_name: kind, [key]: true });
    expect(() => scheduler.setTimesteps({ timesteps: [9, 3] })).toThrow(
      "Expected a number of steps where the config spaces the noise levels but received [9,3]",
    );
  });

  it.each(["DPMSolverMultistepScheduler", "EulerDiscreteScheduler", "SASolverScheduler"])(
    "space the noise levels in one way: %s",
    (kind) => {
      const both = { use_karras_sigmas: true, use_exponential_sigmas: true };
      expect(() => schedulerFromConfig({ _class_name: kind, ...both })).toThrow(
        "Expected at most one spacing of noise levels but received use_karras_sigmas and use_exponential_sigmas",
      );
    },
  );

  it.each(["ddim", "ddpm"])("take no more steps than there are timesteps: %s", (name) => {
    expect(() => schedulerNamed(name).setTimesteps(1001)).toThrow(
      "Expected at most 1000 (the training timesteps) for numInferenceSteps but received 1001",
    );
  });

  it("add noise at timesteps of the schedule, where that says how much", () => {
    using scheduler = schedulerNamed("euler");
    scheduler.setTimesteps(4);
    torch.tidy(() => {
      const x = torch.ones([2, 1]);
      expect(() => scheduler.addNoise(x, x, [999, 7])).toThrow(
        "Expected a timestep of the schedule for timesteps but received 7",
      );
      expect(() => scheduler.addNoise(x, x, [999])).toThrow(
        "Expected 2 values (one per row) for timesteps but received 1",
      );
    });
  });
});
