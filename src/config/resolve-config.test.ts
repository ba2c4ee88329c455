import { describe, expect, expectTypeOf, it } from "vitest";
import { ConfigError } from "./config-error.ts";
import { configFromJson, configToJson } from "./config-json.ts";
import { defineConfig } from "./define-config.ts";
import type { ResolvedConfig, TrainConfig } from "./options/train-config.ts";
import { resolveConfig } from "./resolve-config.ts";

const smallest = defineConfig({
  dataset: { folder: "data" },
  transformer: { numLayers: 1, numAttentionHeads: 2, attentionHeadDim: 8 },
  stages: [
    {
      kind: "autoencoder",
      name: "autoencoder",
      resolution: 32,
      batchSize: 4,
      steps: 10,
      optimizer: { lr: 1e-3 },
    },
    {
      kind: "text-to-image",
      name: "alignment",
      resolution: 32,
      batchSize: 4,
      steps: 10,
      trainTextEncoder: true,
      optimizer: { lr: 1e-3 },
    },
  ],
  sampling: { prompts: ["a fox"] },
});

const mistakesOf = (value: unknown): readonly string[] => {
  try {
    resolveConfig(value, "configs/x.ts");
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
};

describe("resolveConfig", () => {
  it("fills in every default", () => {
    const common = {
      schedule: { type: "constant", warmupSteps: 0 },
      gradientClip: 1,
      gradientAccumulation: 1,
      precision: "float32",
      shardOptimizer: false,
      gradientCheckpointing: false,
      ema: { decay: 0.999, warmup: true },
      checkpointEvery: 500,
      keepCheckpoints: 3,
      keepBest: true,
      sampleEvery: 500,
      validateEvery: null,
      validationSamples: 256,
      spikes: { factor: 10, window: 100 },
      transform: { resample: "lanczos", crop: "center", horizontalFlip: 0 },
    };
    const optimizer = {
      type: "adamw",
      lr: 1e-3,
      betas: [0.9, 0.999],
      weightDecay: 0.03,
      eps: 1e-8,
    };
    expect(resolveConfig(smallest, "configs/tiny.ts")).toEqual({
      name: "tiny",
      workDir: "work_dirs/tiny",
      whenFull: "stop",
      seed: 0,
      device: "auto",
      threads: null,
      processes: 1,
      base: null,
      dataset: {
        folder: "data",
        revision: null,
        layout: null,
        imageColumn: null,
        textColumn: null,
        controlColumn: null,
        controlFolder: null,
        instancePrompt: null,
        maxUnreadable: 0.05,
        grows: false,
        things: null,
        groups: null,
        styles: null,
        denseCaptionProbability: 0.5,
        classFolder: null,
        classPrompt: null,
        classImages: null,
        captionDropout: 0.1,
        cleanCaptions: false,
        heldoutShare: 0,
        cache: { folder: null, latents: true, texts: true },
      },
      autoencoder: {
        latentChannels: 4,
        blockOutChannels: [32, 64, 96],
        layersPerBlock: 1,
        normNumGroups: 16,
        midBlockAddAttention: true,
        useQuantConv: true,
        usePostQuantConv: true,
        scalingFactor: null,
      },
      tokenizer: { vocabSize: 2048, maxLength: 32 },
      textEncoder: {
        dModel: 128,
        dKv: 32,
        numHeads: 4,
        dFf: 256,
        numLayers: 2,
        feedForwardProj: "gated-gelu",
        relativeAttentionNumBuckets: 32,
        relativeAttentionMaxDistance: 128,
        layerNormEpsilon: 1e-6,
        initializerFactor: 1,
      },
      transformer: {
        numLayers: 1,
        numAttentionHeads: 2,
        attentionHeadDim: 8,
        patchSize: 2,
        outChannels: null,
        attentionBias: true,
        normEps: 1e-6,
        useAdditionalConditions: false,
      },
      stages: [
        {
          ...common,
          kind: "autoencoder",
          name: "autoencoder",
          resolution: 32,
          batchSize: 4,
          steps: 10,
          optimizer,
          klWeight: 1e-6,
        },
        {
          ...common,
          kind: "text-to-image",
          name: "alignment",
          resolution: 32,
          batchSize: 4,
          steps: 10,
          optimizer: { ...optimizer, textEncoderLr: null },
          loss: { type: "epsilon+vlb", huberDelta: null, minSnrGamma: null, debiased: false },
          noise: { type: "white", inputPerturbation: 0 },
          timesteps: { type: "uniform" },
          curated: false,
          aspectRatios: false,
          priorLossWeight: 1,
          trainTextEncoder: true,
          adapter: null,
          textEncoderAdapter: null,
          controlnet: null,
          consistency: null,
          interpolationScale: null,
        },
      ],
      sampling: { prompts: ["a fox"], steps: 20, guidanceScale: 4.5, seed: 0 },
      publish: { dtype: "float32" },
    });
  });

  it("fills in a class-conditional stage", () => {
    const [autoencoder, alignment] = smallest.stages;
    const pixels = { ...autoencoder, kind: "class-conditional", name: "pixels" };
    const { stages } = resolveConfig(
      { ...smallest, stages: [autoencoder, pixels, alignment] },
      "x.ts",
    );
    expect(stages[1]).toMatchObject({
      loss: { type: "epsilon+vlb", minSnrGamma: null, debiased: false },
      classDropout: 0.1,
    });
  });

  it("keeps the name and the folder that are given", () => {
    const named = resolveConfig({ ...smallest, name: "fox" }, "configs/tiny.ts");
    expect(named).toMatchObject({ name: "fox", workDir: "work_dirs/fox" });
    const placed = resolveConfig({ ...smallest, workDir: "/runs/a" }, "configs/tiny.ts");
    expect(placed).toMatchObject({ name: "tiny", workDir: "/runs/a" });
  });

  it("takes components from folders", () => {
    const config = resolveConfig(
      {
        ...smallest,
        autoencoder: { pretrained: "m/vae" },
        tokenizer: { pretrained: "m/tokenizer" },
        textEncoder: { pretrained: "m/text_encoder" },
        stages: smallest.stages.slice(1),
      },
      "x.ts",
    );
    expect(config.autoencoder).toEqual({
      pretrained: "m/vae",
      subfolder: null,
      revision: null,
    });
    expect(config.tokenizer).toMatchObject({ pretrained: "m/tokenizer", maxLength: 120 });
    expect(config.textEncoder).toMatchObject({ pretrained: "m/text_encoder" });
  });

  it("types what is written and what comes back", () => {
    expectTypeOf<TrainConfig["seed"]>().toEqualTypeOf<number | undefined>();
    expectTypeOf<ResolvedConfig["seed"]>().toEqualTypeOf<number>();
    expectTypeOf<ResolvedConfig["name"]>().toEqualTypeOf<string>();
    // @ts-expect-error: a misspelt key
    defineConfig({ ...smallest, sede: 1 });
    // @ts-expect-error: a field of another kind of stage
    defineConfig({ ...smallest, stages: [{ ...smallest.stages[0], curated: true }] });
  });
});

describe("configFromJson", () => {
  it("gives back what configToJson wrote", () => {
    const config = configFromJson(JSON.stringify(smallest), "configs/tiny.ts");
    const json = configToJson(config);
    expect(configFromJson(json, "work_dirs/other/config.json")).toEqual(config);
    expect(configToJson(configFromJson(json, "config.json"))).toBe(json);
  });

  it("refuses what is no JSON", () => {
    expect(() => configFromJson("{", "run/config.json")).toThrow(
      /^run\/config\.json: Expected JSON but found: .+\.$/,
    );
  });
});

describe("mistakes", () => {
  it("are all listed at once, with their paths", () => {
    const value = {
      ...smallest,
      seed: -1,
      dataset: { folder: "", things: "some", denseCaptionProbability: 2 },
      stages: [{ ...smallest.stages[0], steps: "many", optimizer: {} }],
    };
    expect(() => resolveConfig(value, "configs/x.ts")).toThrow(
      new ConfigError("configs/x.ts", [
        "Expected an integer of at least 0 for seed but received -1.",
        'Expected some text for dataset.folder but received "".',
        'Expected a number of things, a list of their names, "demo" or null for dataset.things but received "some".',
        "Expected a number from 0 to 1 for dataset.denseCaptionProbability but received 2.",
        'Expected a positive integer or { epochs: a number above 0 } for stages.0.steps but received "many".',
        "Expected a number above 0 for stages.0.optimizer.lr but received nothing.",
      ]),
    );
  });

  it("print as one line alone and as a list together", () => {
    expect(new ConfigError("a.ts", ["One."]).message).toBe("a.ts: One.");
    expect(new ConfigError("a.ts", ["One.", "Two."]).message).toBe(
      "a.ts: 2 mistakes\n  One.\n  Two.",
    );
  });

  it.each([
    [[], "Expected an object for the config but received []."],
    [undefined, "Expected an object for the config but received nothing."],
    [{ ...smallest, threads: 0 }, "Expected a positive integer for threads but received 0."],
    [
      { ...smallest, seed: Number.NaN },
      "Expected an integer of at least 0 for seed but received NaN.",
    ],
    [
      { ...smallest, seed: 2 ** 53 },
      "Expected an integer up to 9007199254740991 for seed but received 9007199254740992.",
    ],
    [{ ...smallest, autoencoder: 3 }, "Expected an object for autoencoder but received 3."],
    [
      { ...smallest, autoencoder: { blockOutChannels: 32 } },
      "Expected a list of widths for autoencoder.blockOutChannels but received 32.",
    ],
    [
      { ...smallest, autoencoder: { pretrained: "" } },
      'Expected some text for autoencoder.pretrained but received "".',
    ],
    [
      { ...smallest, autoencoder: { blockOutChannels: [] } },
      "Expected a positive integer for autoencoder.blockOutChannels.0 but received nothing.",
    ],
    [
      { ...smallest, textEncoder: { feedForwardProj: "gelu" } },
      'Expected "gated-gelu" or "relu" for textEncoder.feedForwardProj but received "gelu".',
    ],
    [
      { ...smallest, dataset: { folder: "a", captionDropout: 1 } },
      "Expected a number from 0 to below 1 for dataset.captionDropout but received 1.",
    ],
    [{ ...smallest, stages: [] }, "Expected at least one stage for stages but received []."],
    [{ ...smallest, stages: 1 }, "Expected a list of stages for stages but received 1."],
    [{ ...smallest, stages: [1] }, "Expected an object for stages.0 but received 1."],
    [
      { ...smallest, stages: [{ kind: "image" }] },
      'Expected "autoencoder", "class-conditional" or "text-to-image" for stages.0.kind but received "image".',
    ],
    [
      { ...smallest, stages: [{ ...smallest.stages[0], name: "A b" }] },
      'Expected lower-case letters, digits, dots, hyphens and underscores for stages.0.name but received "A b".',
    ],
    [
      { ...smallest, stages: [{ ...smallest.stages[0], optimizer: { lr: 1, betas: [1] } }] },
      "Expected two numbers from 0 to below 1 for stages.0.optimizer.betas but received [1].",
    ],
    [
      { ...smallest, stages: [{ ...smallest.stages[0], klWeight: -1 }] },
      "Expected a number of at least 0 for stages.0.klWeight but received -1.",
    ],
    [
      { ...smallest, sampling: { prompts: ["a"], steps: 1000 } },
      // The sampler would refuse them when the first sheet is drawn.
      "Expected an integer up to 999 for sampling.steps but received 1000.",
    ],
    [
      { ...smallest, sampling: { prompts: ["a"], guidanceScale: 0.5 } },
      "Expected a number of at least 1 for sampling.guidanceScale but received 0.5.",
    ],
    [
      { ...smallest, sampling: { prompts: [] } },
      "Expected at least one prompt for sampling.prompts but received [].",
    ],
    [
      { ...smallest, sampling: { prompts: Array(65).fill("a") } },
      `Expected at most 64 prompts for sampling.prompts but received ${`["a"${',"a"'.repeat(64)}]`.slice(0, 77)}....`,
    ],
    [
      { ...smallest, transformer: { ...smallest.transformer, attentionBias: "False" } },
      'Expected true or false for transformer.attentionBias but received "False".',
    ],
    [
      { ...smallest, dataset: { folder: "a", styles: [] } },
      "Expected a list of at least one name for dataset.styles but received [].",
    ],
    [
      { ...smallest, dataset: { folder: "a", styles: "noto" } },
      'Expected a list of names for dataset.styles but received "noto".',
    ],
  ])("%# say what is expected and what was received", (value, sentence) => {
    expect(mistakesOf(value)).toContain(sentence);
  });
});

describe("unknown keys", () => {
  it.each([
    [{ ...smallest, sede: 1 }, "Unknown key sede. Did you mean seed?"],
    [{ ...smallest, work_dir: "a" }, "Unknown key work_dir. Did you mean workDir?"],
    [
      { ...smallest, transformer: { ...smallest.transformer, num_layers: 1 } },
      "Unknown key transformer.num_layers. Did you mean transformer.numLayers?",
    ],
    [{ ...smallest, lr: 1 }, "Unknown key lr. Did you mean stages.N.optimizer.lr?"],
    [
      { ...smallest, stages: [{ ...smallest.stages[0], lr: 1 }] },
      "Unknown key stages.0.lr. Did you mean stages.0.optimizer.lr?",
    ],
    [
      { ...smallest, stages: [{ ...smallest.stages[0], trainTextEncoder: true }] },
      "Unknown key stages.0.trainTextEncoder. Known here: kind, name, resolution, batchSize, steps, schedule, gradientClip, gradientAccumulation, shardOptimizer, gradientCheckpointing, precision, ema, checkpointEvery, keepCheckpoints, keepBest, sampleEvery, validateEvery, validationSamples, spikes, transform, optimizer, klWeight.",
    ],
    [
      { ...smallest, stages: [{ ...smallest.stages[0], textEncoderAdapter: { type: "lora" } }] },
      "Unknown key stages.0.textEncoderAdapter. Known here: kind, name, resolution, batchSize, steps, schedule, gradientClip, gradientAccumulation, shardOptimizer, gradientCheckpointing, precision, ema, checkpointEvery, keepCheckpoints, keepBest, sampleEvery, validateEvery, validationSamples, spikes, transform, optimizer, klWeight.",
    ],
    [
      { ...smallest, tokenizer: { pretrained: "a", vocabSize: 3 } },
      "Unknown key tokenizer.vocabSize. Known here: pretrained, subfolder, revision, maxLength.",
    ],
    [
      { ...smallest, sampling: { prompts: ["a"], colour: 3 } },
      "Unknown key sampling.colour. Known here: prompts, steps, guidanceScale, seed.",
    ],
    [
      { ...smallest, sampling: { prompts: ["a"], ["__proto__"]: 3 } },
      "Unknown key sampling.__proto__. Known here: prompts, steps, guidanceScale, seed.",
    ],
  ])("%# are refused with the nearest known one", (value, sentence) => {
    expect(mistakesOf(value)).toEqual([sentence]);
  });
});
