import { describe, expect, it } from "vitest";
import { ConfigError } from "./config-error.ts";
import type {
  LossConfig,
  NoiseConfig,
  OptimizerConfig,
  ScheduleConfig,
  TimestepsConfig,
} from "./index.ts";
import { resolveConfig } from "./resolve-config.ts";

const lr = 1e-3;

interface Options {
  readonly optimizer?: object;
  readonly schedule?: object;
  readonly loss?: object;
  readonly noise?: object;
  readonly timesteps?: object;
}

const stage = { resolution: 32, batchSize: 4, steps: 10 };
const configWith = (options: Options): object => ({
  dataset: { folder: "data" },
  transformer: { numLayers: 1, numAttentionHeads: 2, attentionHeadDim: 8 },
  stages: [
    { ...stage, kind: "autoencoder", name: "pictures", optimizer: { lr: 1e-3 } },
    {
      ...stage,
      kind: "text-to-image",
      name: "words",
      trainTextEncoder: true,
      optimizer: { lr: 1e-3 },
      ...options,
    },
  ],
  sampling: { prompts: ["a fox"] },
});

const resolved = (options: Options): Readonly<Record<string, unknown>> =>
  ({ ...resolveConfig(configWith(options), "a.ts").stages[1] }) as Record<string, unknown>;

function mistakes(options: Options): readonly string[] {
  try {
    resolveConfig(configWith(options), "a.ts");
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
}

const optimizers: readonly [OptimizerConfig, object][] = [
  [{ lr: 1 }, { type: "adamw", betas: [0.9, 0.999], weightDecay: 0.03, eps: 1e-8 }],
  [
    { lr: 1, type: "came" },
    { betas: [0.9, 0.999, 0.9999], weightDecay: 0, eps: [1e-30, 1e-16], clipThreshold: 1 },
  ],
  [
    { lr: 1, type: "adafactor" },
    { beta2Decay: -0.8, weightDecay: 0, eps: [2 ** -23, 1e-3], clipThreshold: 1 },
  ],
  [
    { lr: 1, type: "lion" },
    { betas: [0.9, 0.99], weightDecay: 0 },
  ],
  [
    { type: "prodigy" },
    {
      lr: 1,
      betas: [0.9, 0.999],
      beta3: null,
      weightDecay: 0,
      eps: 1e-8,
      d0: 1e-6,
      dCoef: 1,
      growthRate: null,
      biasCorrection: false,
      safeguardWarmup: false,
    },
  ],
  [
    { lr: 1, type: "muon" },
    {
      momentum: 0.95,
      nesterov: true,
      nsSteps: 5,
      weightDecay: 0.1,
      adjustLr: "match-rms-adamw",
      betas: [0.9, 0.999],
      eps: 1e-8,
    },
  ],
];

const noises: readonly [NoiseConfig, object][] = [
  [{}, { type: "white" }],
  [{ type: "offset" }, { weight: 0.05 }],
  [{ type: "pyramid" }, { discount: 0.9, randomMultiplier: true }],
];

const timesteps: readonly [TimestepsConfig, object][] = [
  [{}, { type: "uniform" }],
  [{ type: "later" }, { biasMultiplier: 5, biasPortion: 0.25 }],
  [{ type: "earlier" }, { biasMultiplier: 5, biasPortion: 0.25 }],
  [{ type: "range" }, { biasMultiplier: 5, biasBegin: 0.25, biasEnd: 0.75 }],
  [{ type: "cubic" }, {}],
  [{ type: "ddim" }, { steps: 50 }],
];

describe("how a stage trains", () => {
  it.each(optimizers)("has the defaults of optimizer %j", (optimizer, defaults) => {
    const wanted = { ...optimizer, ...defaults, textEncoderLr: null };
    expect(resolved({ optimizer }).optimizer).toEqual(wanted);
  });

  it.each(noises)("has the defaults of noise %j", (noise, defaults) => {
    const wanted = { inputPerturbation: 0, ...noise, ...defaults };
    expect(resolved({ noise }).noise).toEqual(wanted);
  });

  it.each(timesteps)("has the defaults of timesteps %j", (given, defaults) => {
    expect(resolved({ timesteps: given }).timesteps).toEqual({ ...given, ...defaults });
  });

  it("has the defaults of schedules", () => {
    const schedule: ScheduleConfig = { type: "cosine-to-constant", finalFactor: 0.1 };
    const wanted = { ...schedule, warmupSteps: 0, decayPortion: 0.667 };
    expect(resolved({ schedule }).schedule).toEqual(wanted);
    expect(resolved({}).schedule).toEqual({ type: "constant", warmupSteps: 0 });
  });

  it("has PEFT's targets of T5, and diffengine's of the transformer", () => {
    const type = "lora";
    const [adapter, textEncoderAdapter] = [{ type }, { type }];
    const { stages } = resolveConfig(
      {
        ...configWith({}),
        stages: [
          { ...stage, kind: "autoencoder", name: "pictures", optimizer: { lr } },
          {
            ...stage,
            kind: "text-to-image",
            name: "adapters",
            optimizer: { lr },
            adapter,
            textEncoderAdapter,
          },
        ],
        tokenizer: { pretrained: "t" },
        textEncoder: { pretrained: "t" },
      },
      "a.ts",
    );
    const defaults = { type, r: null, alpha: null };
    expect(stages[1]).toMatchObject({
      adapter: { ...defaults, targetModules: ["to_q", "to_k", "to_v", "to_out.0"] },
      textEncoderAdapter: { ...defaults, targetModules: ["q", "v"] },
    });
  });

  it("takes what goes together", () => {
    const loss: LossConfig = { type: "epsilon", huberDelta: 1, minSnrGamma: 5 };
    const noise: NoiseConfig = { type: "pyramid", inputPerturbation: 0.1 };
    expect(mistakes({ loss, noise, timesteps: { type: "later", biasPortion: 1 } })).toEqual([]);
  });
});

describe("what does not go together", () => {
  it.each<[Options, string]>([
    [
      { loss: { huberDelta: 1 } },
      "Expected null, since the stage's loss is epsilon+vlb, for stages.1.loss.huberDelta but received 1.",
    ],
    [
      { noise: { inputPerturbation: 0.1 } },
      "Expected 0, since the stage's loss is epsilon+vlb, whose bound assumes unperturbed inputs, for stages.1.noise.inputPerturbation but received 0.1.",
    ],
    [
      { timesteps: { type: "range", biasBegin: 0.5, biasEnd: 0.5 } },
      "Expected a number above biasBegin (0.5) for stages.1.timesteps.biasEnd but received 0.5.",
    ],
    [
      { optimizer: { type: "prodigy", textEncoderLr: 1e-3 } },
      "Expected null, since Prodigy finds one rate for all, for stages.1.optimizer.textEncoderLr but received 0.001.",
    ],
    [
      { optimizer: { type: "sgd", lr } },
      'Expected "adamw", "came", "adafactor", "lion", "prodigy" or "muon" for stages.1.optimizer.type but received "sgd".',
    ],
    [
      { optimizer: 3 as unknown as object },
      "Expected an object for stages.1.optimizer but received 3.",
    ],
    [
      { optimizer: { type: "came", lr, betas: [0.9, 0.99] } },
      "Expected three numbers from 0 to below 1 for stages.1.optimizer.betas but received [0.9,0.99].",
    ],
    [
      { optimizer: { type: "came", lr, eps: 1e-8 } },
      "Expected two numbers of at least 0 for stages.1.optimizer.eps but received 1e-8.",
    ],
    [
      { optimizer: { type: "adafactor", lr, beta2Decay: 0.8 } },
      "Expected a number below 0 for stages.1.optimizer.beta2Decay but received 0.8.",
    ],
    [
      { optimizer: { type: "prodigy", growthRate: 1 } },
      "Expected a number above 1 for stages.1.optimizer.growthRate but received 1.",
    ],
    [
      { optimizer: { type: "lion", lr, clip_threshold: 1 } },
      "Unknown key stages.1.optimizer.clip_threshold. Known here: type, lr, betas, weightDecay, textEncoderLr.",
    ],
    [
      { optimizer: { lr, weight_decay: 1 } },
      "Unknown key stages.1.optimizer.weight_decay. Did you mean stages.1.optimizer.weightDecay?",
    ],
    [
      { optimizer: { type: "came", lr, clipTreshold: 1 } },
      "Unknown key stages.1.optimizer.clipTreshold. Did you mean stages.1.optimizer.clipThreshold?",
    ],
    [
      { schedule: { type: "cosine_decay_to_constant" } },
      'Expected "constant", "cosine", "linear" or "cosine-to-constant" for stages.1.schedule.type but received "cosine_decay_to_constant".',
    ],
    [
      { schedule: { type: "cosine-to-constant" } },
      "Expected a number from 0 to 1 for stages.1.schedule.finalFactor but received nothing.",
    ],
    [
      { schedule: { type: "cosine", finalFactor: 0.1 } },
      "Unknown key stages.1.schedule.finalFactor. Known here: type, warmupSteps.",
    ],
    [
      { noise: { type: "pink" } },
      'Expected "white", "offset" or "pyramid" for stages.1.noise.type but received "pink".',
    ],
    [
      { noise: { type: "offset", discount: 0.9 } },
      "Unknown key stages.1.noise.discount. Known here: type, weight, inputPerturbation.",
    ],
    [
      { timesteps: { type: "late" } },
      'Expected "uniform", "later", "earlier", "range", "cubic" or "ddim" for stages.1.timesteps.type but received "late".',
    ],
    [
      { timesteps: { type: "ddim", steps: 1001 } },
      "Expected an integer from 1 to 1000 for stages.1.timesteps.steps but received 1001.",
    ],
  ])("%j", (options, sentence) => {
    expect(mistakes(options)).toEqual([sentence]);
  });
});
