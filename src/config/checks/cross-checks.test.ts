import { expect, it } from "vitest";
import { ConfigError } from "../config-error.ts";
import type { AnyStageConfig } from "../options/stage-config.ts";
import type { TrainConfig } from "../options/train-config.ts";
import { resolveConfig } from "../resolve-config.ts";

const stage = { resolution: 32, batchSize: 4, steps: 10, optimizer: { lr: 1e-3 } };
const autoencoder: AnyStageConfig = { ...stage, kind: "autoencoder", name: "pictures" };
const pixels: AnyStageConfig = { ...stage, kind: "class-conditional", name: "pixels" };
const words: AnyStageConfig = {
  ...stage,
  kind: "text-to-image",
  name: "words",
  trainTextEncoder: true,
};
const pictured: AnyStageConfig = {
  ...words,
  name: "pictured",
  trainTextEncoder: false,
  controlnet: { blocks: 1 },
};
const transformer = { numLayers: 1, numAttentionHeads: 2, attentionHeadDim: 8 };
const good: TrainConfig = {
  dataset: { folder: "data" },
  transformer,
  stages: [autoencoder, pixels, words],
  sampling: { prompts: ["a fox"] },
};

it.each<[string, Partial<TrainConfig>, readonly string[]]>([
  ["nothing", {}, []],
  [
    "stages that predict different quantities",
    { stages: [autoencoder, { ...pixels, loss: { type: "v" } }, words] },
    ['Expected v, as in the earlier stages, for stages.2.loss.type but received "epsilon+vlb".'],
  ],
  [
    "two weightings of the same loss",
    { stages: [autoencoder, { ...pixels, loss: { debiased: true, minSnrGamma: 5 } }, words] },
    [
      "Expected null, since the stage's loss is debiased, for stages.1.loss.minSnrGamma but received 5.",
    ],
  ],
  [
    "a distillation without its target, and beside a trained text encoder",
    { stages: [autoencoder, { ...words, ema: null, consistency: { solverSteps: 2000 } }] },
    [
      "Expected an object, since latent consistency distils towards the averaged weights, for stages.1.ema but received null.",
      "Expected false, since the stage distils the transformer, for stages.1.trainTextEncoder but received true.",
      "Expected at most the schedule's 1000 timesteps for stages.1.consistency.solverSteps but received 2000.",
    ],
  ],
  [
    "a ControlNet before the last stage, of too many blocks, and beside other things to train",
    {
      stages: [
        autoencoder,
        { ...words, controlnet: {}, adapter: { type: "lora" }, consistency: {} },
        { ...words, name: "more", trainTextEncoder: false },
      ],
    },
    [
      "Expected false, since the stage distils the transformer, for stages.1.trainTextEncoder but received true.",
      'Expected null, since only the last stage may train a ControlNet, for stages.1.controlnet but received {"blocks":13,"condition":"given"}.',
      'Expected null, since the stage trains a ControlNet of the transformer, for stages.1.adapter but received {"type":"lora","r":null,"alpha":null,"targetModules":["to_q","to_k","to_v","t....',
      'Expected null, since the stage trains a ControlNet of the transformer, for stages.1.consistency but received {"guidanceScale":4.5,"solverSteps":50,"huberC":0.001}.',
      "Expected false, since the stage trains a ControlNet of the transformer, for stages.1.trainTextEncoder but received true.",
      "Expected fewer than the transformer's 1 blocks, since each copy feeds the block after its own, for stages.1.controlnet.blocks but received 13.",
      'Expected null, since only the last stage may train an adapter, for stages.1.adapter but received {"type":"lora","r":null,"alpha":null,"targetModules":["to_q","to_k","to_v","t....',
      "Expected false, since the stage trains an adapter of the transformer, for stages.1.trainTextEncoder but received true.",
    ],
  ],
  [
    "classes for a pretrained transformer",
    { transformer: { pretrained: "m" } },
    [
      'Expected "text-to-image" or "autoencoder", since transformer.pretrained is given, for stages.1.kind but received "class-conditional".',
    ],
  ],
  [
    "an adapter before the last stage, and beside a trained text encoder",
    {
      stages: [
        autoencoder,
        { ...words, adapter: { type: "lora" } },
        { ...words, name: "more", trainTextEncoder: false },
      ],
    },
    [
      'Expected null, since only the last stage may train an adapter, for stages.1.adapter but received {"type":"lora","r":null,"alpha":null,"targetModules":["to_q","to_k","to_v","t....',
      "Expected false, since the stage trains an adapter of the transformer, for stages.1.trainTextEncoder but received true.",
    ],
  ],
  [
    "an adapter of the text encoder before the last stage, and beside what it does not go with",
    {
      stages: [
        autoencoder,
        { ...words, textEncoderAdapter: { type: "lora" }, consistency: {} },
        { ...pictured, textEncoderAdapter: { type: "oft", r: 2, targetModules: ["wo"] } },
      ],
      transformer: { ...transformer, numLayers: 2 },
    },
    [
      "Expected false, since the stage distils the transformer, for stages.1.trainTextEncoder but received true.",
      'Expected null, since the stage distils the transformer, for stages.1.textEncoderAdapter but received {"type":"lora","r":null,"alpha":null,"targetModules":["q","v"]}.',
      'Expected null, since only the last stage may train an adapter, for stages.1.textEncoderAdapter but received {"type":"lora","r":null,"alpha":null,"targetModules":["q","v"]}.',
      "Expected false, since the stage trains an adapter of the text encoder, for stages.1.trainTextEncoder but received true.",
      'Expected null, since the stage trains a ControlNet of the transformer, for stages.2.textEncoderAdapter but received {"type":"oft","r":2,"alpha":null,"targetModules":["wo"]}.',
    ],
  ],
  [
    "an adapter of the text encoder with a rate of its own",
    {
      stages: [
        autoencoder,
        words,
        {
          ...words,
          name: "more",
          trainTextEncoder: false,
          optimizer: { lr: 1e-3, textEncoderLr: 1e-4 },
          textEncoderAdapter: { type: "lora" },
        },
      ],
    },
    [],
  ],
  [
    "a width that sines and cosines of two axes do not share",
    { transformer: { numLayers: 1, numAttentionHeads: 3, attentionHeadDim: 6 } },
    [
      "Expected a multiple of 4 (sine and cosine of row and column) for transformer.numAttentionHeads * attentionHeadDim but received 18.",
    ],
  ],
  [
    "a width that size and ratio do not share",
    { transformer: { ...transformer, useAdditionalConditions: true } },
    [
      "Expected a multiple of 3 (height, width and aspect ratio, for useAdditionalConditions) for transformer.numAttentionHeads * attentionHeadDim but received 16.",
    ],
  ],
  [
    "widths that the groups do not share",
    { autoencoder: { blockOutChannels: [8, 20, 32], normNumGroups: 8 } },
    [
      "Expected a multiple of normNumGroups (8) for autoencoder.blockOutChannels.1 but received 20.",
    ],
  ],
  [
    "a prediction of the wrong size",
    { transformer: { ...transformer, outChannels: 3 } },
    [
      "Expected 4 (the latent's channels) or 8 (with their variance) for transformer.outChannels but received 3.",
    ],
  ],
  [
    "a bound on a variance that is not predicted",
    {
      transformer: { ...transformer, outChannels: 4 },
      stages: [autoencoder, { ...words, loss: { type: "epsilon+vlb" } }],
    },
    [
      'Expected "epsilon", since transformer.outChannels (4) leaves no room for a variance, for stages.1.loss.type but received "epsilon+vlb".',
    ],
  ],
  [
    "an autoencoder that nothing trains",
    { stages: [words] },
    [
      'Expected a stage of kind "autoencoder", since autoencoder.pretrained is not given, for stages but received ["text-to-image"].',
    ],
  ],
  [
    "a pretrained autoencoder without a stage",
    { autoencoder: { pretrained: "a" }, stages: [words] },
    [],
  ],
  [
    "a text encoder that nothing trains",
    { stages: [autoencoder, { ...words, trainTextEncoder: false }] },
    [
      'Expected trainTextEncoder in a text-to-image stage, since textEncoder.pretrained is not given, for stages but received [{"name":"words","trainTextEncoder":false}].',
    ],
  ],
  [
    "a pretrained text encoder with other words",
    { textEncoder: { pretrained: "a" } },
    [
      'Expected the text encoder\'s own tokenizer as tokenizer.pretrained for tokenizer but received {"vocabSize":2048,"maxLength":32}.',
    ],
  ],
  [
    "two stages of one name",
    { stages: [autoencoder, words, { ...words, resolution: 64 }] },
    ['Expected a different name from stages.1 for stages.2.name but received "words".'],
  ],
  [
    "classes after captions",
    { stages: [autoencoder, words, pixels] },
    [
      'Expected a stage that may follow the text-to-image stage "words" for stages.2.kind but received "class-conditional".',
    ],
  ],
  [
    "an autoencoder that changes under the transformer",
    { stages: [pixels, autoencoder, words] },
    [
      'Expected a stage that may follow the class-conditional stage "pixels" for stages.1.kind but received "autoencoder".',
    ],
  ],
  [
    "a warm-up longer than its stage",
    { stages: [{ ...autoencoder, schedule: { warmupSteps: 11 } }] },
    ["Expected at most the stage's 10 steps for stages.0.schedule.warmupSteps but received 11."],
  ],
  [
    "a learning rate for what is not trained",
    {
      stages: [
        autoencoder,
        words,
        {
          ...words,
          name: "more",
          trainTextEncoder: false,
          optimizer: { lr: 1e-3, textEncoderLr: 1e-4 },
        },
      ],
    },
    [
      "Expected null, since the stage has neither trainTextEncoder nor textEncoderAdapter, for stages.2.optimizer.textEncoderLr but received 0.0001.",
    ],
  ],
  [
    "sides that the models do not divide",
    {
      stages: [
        { ...autoencoder, resolution: 36 },
        { ...words, resolution: 36 },
      ],
    },
    [
      "Expected a multiple of 8, the autoencoder's downsampling factor (4) times transformer.patchSize (2), for stages.1.resolution but received 36.",
    ],
  ],
  [
    "a transform that an autoencoder's stage does not do",
    { stages: [{ ...autoencoder, transform: { crop: "random", horizontalFlip: 0.5 } }, words] },
    [
      'Expected "center", since an autoencoder\'s pictures are resized and cut once, before the first step, for stages.0.transform.crop but received "random".',
      "Expected 0, since an autoencoder's pictures are resized and cut once, before the first step, for stages.0.transform.horizontalFlip but received 0.5.",
    ],
  ],
  [
    "a side that the autoencoder does not halve twice",
    { stages: [{ ...autoencoder, resolution: 34 }] },
    [
      "Expected a multiple of 4, the autoencoder's downsampling factor, for stages.0.resolution but received 34.",
    ],
  ],
])("finds %s", (_, change, mistakes) => {
  const resolve = (): unknown => resolveConfig({ ...good, ...change }, "x.ts");
  if (mistakes.length === 0) expect(resolve).not.toThrow();
  else expect(resolve).toThrow(new ConfigError("x.ts", mistakes));
});
