import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import {
  schedulerClassNames,
  schedulerFromConfig,
  schedulerFromPretrained,
  schedulerNamed,
  schedulerNames,
  schedulerOfClass,
} from "./scheduler-registry.ts";
import { DPMSolverMultistepScheduler } from "./solvers/dpm-solver-multistep.ts";

// What differs from other samplers in the scheduler file of the released PixArt pipelines.
const released = {
  _class_name: "DPMSolverMultistepScheduler",
  algorithm_type: "dpmsolver++",
  beta_end: 0.02,
  beta_schedule: "linear",
  beta_start: 0.0001,
  num_train_timesteps: 1000,
  solver_type: "midpoint",
  timestep_spacing: "linspace",
  variance_type: null,
};

describe("schedulerFromConfig", () => {
  it.each(schedulerClassNames)("knows %s and reads back what it writes", (name) => {
    const scheduler = schedulerFromConfig({ _class_name: name });
    expect(scheduler.className).toBe(name);
    expect(schedulerFromConfig(scheduler.toConfig()).toConfig()).toEqual(scheduler.toConfig());
  });

  it("refuses a name that it doesn't know, with those that it does", () => {
    const known = schedulerClassNames.join(", ");
    expect(() => schedulerFromConfig({ _class_name: "RePaintScheduler" })).toThrow(
      `Expected one of ${known} for _class_name but received "RePaintScheduler"`,
    );
    expect(() => schedulerFromConfig({ _class_name: "DPMSolverSDEScheduler" })).toThrow(
      'received "DPMSolverSDEScheduler"; its noise comes from the Python package torchsde: sde-dpm-solver++ is near',
    );
    expect(() => schedulerFromConfig({})).toThrow("for _class_name but received nothing");
    expect(() => schedulerFromConfig({ _class_name: "toString" })).toThrow('received "toString"');
  });
});

describe("a class from another's file, as model_index.json may name it", () => {
  it("takes the fields that it knows and its own defaults, clipping included, as diffusers does", () => {
    const ddim = schedulerFromConfig({ ...released, steps_offset: 1 }, "DDIMScheduler");
    expect(ddim.toConfig()).toMatchObject({
      _class_name: "DDIMScheduler",
      clip_sample: true,
      steps_offset: 1,
      timestep_spacing: released.timestep_spacing,
    });
    expect(schedulerFromConfig({}, "PNDMScheduler").className).toBe("PNDMScheduler");
  });

  it("warns of a field that no sampler has, and of no other", () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    try {
      schedulerFromConfig({ ...released, clip_sample: true, _diffusers_version: "0.29.0" });
      expect(warn).not.toHaveBeenCalled();
      schedulerFromConfig({ ...released, solver_ordr: 3 });
      expect(warn).toHaveBeenCalledExactlyOnceWith(
        "DPMSolverMultistepScheduler has no solver_ordr: ignored; check the spelling in scheduler_config.json",
      );
    } finally {
      warn.mockRestore();
    }
  });
});

describe("schedulerFromPretrained", () => {
  it("reads whichever a file is of, and names the file in errors", async () => {
    const folder = await mkdtemp(join(tmpdir(), "pixart-scheduler-"));
    try {
      await schedulerNamed("euler").savePretrained(join(folder, "scheduler"));
      const back = await schedulerFromPretrained(folder, { subfolder: "scheduler" });
      expect(back.className).toBe("EulerDiscreteScheduler");
      const path = join(folder, "scheduler_config.json");
      await writeFile(path, '{"_class_name": "Mine"}');
      await expect(schedulerFromPretrained(folder)).rejects.toThrow(
        `${path}: Expected one of DPMSolver`,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("schedulerOfClass", () => {
  const of = (className: string, json: object) => {
    const warnings: string[] = [];
    const made = schedulerOfClass(className, { ...json }, (text) => warnings.push(text));
    return { config: made.toConfig(), warnings };
  };

  it("goes by the class that is asked for, whatever the file names, and says so", () => {
    const { config, warnings } = of("DDIMScheduler", { ...released, beta_end: 0.012 });
    // What the file is silent about is the class's own, clipping too: so is diffusers' from_pretrained.
    expect(config).toMatchObject({
      _class_name: "DDIMScheduler",
      beta_end: 0.012,
      clip_sample: true,
      timestep_spacing: "linspace",
    });
    expect(warnings).toEqual([
      "the scheduler is a DDIMScheduler, as model_index.json says, and not the DPMSolverMultistepScheduler of _class_name here",
    ]);
    // "midpoint" is DPM-Solver's.
    expect(of("UniPCMultistepScheduler", released).config).toMatchObject({ solver_type: "bh2" });
  });

  it("needs no class in the file, and tells of fields that nobody knows", () => {
    const { _class_name: _, ...json } = released;
    const named = of("DPMSolverMultistepScheduler", { ...json, skip_prk_steps: true, eta_min: 1 });
    expect(named.config).toEqual(schedulerFromConfig(released).toConfig());
    expect(named.warnings).toEqual(["the fields eta_min are not known and were ignored"]);
  });

  it("refuses a class that it doesn't know", () => {
    expect(() => of("Mine", released)).toThrow(
      `Expected one of ${schedulerClassNames.join(", ")} for _class_name but received "Mine"`,
    );
  });
});

describe("schedulerNamed", () => {
  it.each(schedulerNames)(
    "%s takes the released file's noise schedule, and clips nothing",
    (name) => {
      const config = schedulerNamed(name, released).toConfig();
      expect(config).toMatchObject({ beta_start: 0.0001, beta_end: 0.02, beta_schedule: "linear" });
      expect(config.clip_sample ?? false).toBe(false);
    },
  );

  it("gives what another sampler means by the same name its default", () => {
    const named = (name: string, json: object) => schedulerNamed(name, { ...json }).toConfig();
    expect(named("sa-solver", released)).toMatchObject({ algorithm_type: "data_prediction" });
    expect(named("unipc", released)).toMatchObject({ solver_type: "bh2" });
    expect(named("ddpm", released)).toMatchObject({ variance_type: "fixed_small" });
    expect(named("iddpm", released)).toMatchObject({ variance_type: "learned_range" });
    const ddpm = { _class_name: "DDPMScheduler", variance_type: "fixed_small", clip_sample: true };
    expect(named("dpm-solver++", ddpm)).toMatchObject({ variance_type: null });
    expect(named("ddim", ddpm)).toMatchObject({ clip_sample: true });
  });

  it("clips as diffusers does where a file is its own, or says nothing of whose it is", () => {
    for (const json of [{}, { _class_name: "DDIMScheduler" }]) {
      expect(schedulerNamed("ddim", json).toConfig()).toMatchObject({ clip_sample: true });
    }
  });

  it("refuses a value that its own class can't honour, whatever it may mean elsewhere", () => {
    expect(() => schedulerNamed("unipc", { solver_type: "simpson" })).toThrow(
      'Expected "bh2" or "bh1" for solver_type but received "simpson"',
    );
  });

  it("knows the variants of DPM-Solver, and class names", () => {
    const typeOf = (name: string) => schedulerNamed(name, released).toConfig().algorithm_type;
    expect(typeOf("dpm-solver++")).toBe("dpmsolver++");
    expect(typeOf("sde-dpm-solver++")).toBe("sde-dpmsolver++");
    expect(typeOf("dpm-solver")).toBe("dpmsolver");
    expect(schedulerNamed("LCMScheduler").className).toBe("LCMScheduler");
  });

  it("refuses a name that it doesn't know, with those that it does", () => {
    expect(() => schedulerNamed("plmss")).toThrow(
      `Expected one of ${schedulerNames.join(", ")} (or a diffusers class name) for scheduler but received "plmss"`,
    );
  });

  it("refuses the plain solver to no noise at all", () => {
    expect(() => DPMSolverMultistepScheduler.fromConfig({ algorithm_type: "dpmsolver" })).toThrow(
      'Expected "sigma_min" for final_sigmas_type where algorithm_type is "dpmsolver" but received "zero"',
    );
  });
});
