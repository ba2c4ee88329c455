import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { type ParsedConfig, resolveConfig } from "../../config/index.ts";
import { fitToBase } from "./base-fit.ts";

const SHIPPED = fileURLToPath(new URL("../../../models/emoji-small", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "pixart-base-fit-"));
afterAll(() => rmSync(root, { recursive: true }));

/** The configuration files of the shipped model, with changes: nothing else of a base is read. */
function baseWith(name: string, scheduler: object, transformer: object): string {
  const base = join(root, name);
  for (const [folder, file, changes] of [
    ["scheduler", "scheduler_config.json", scheduler],
    ["transformer", "config.json", transformer],
    ["vae", "config.json", {}],
  ] as const) {
    mkdirSync(join(base, folder), { recursive: true });
    // Infinity is not JSON, and the sampler's own default.
    const text = readFileSync(join(SHIPPED, folder, file), "utf8").replace(/.*-Infinity,\n/, "");
    writeFileSync(join(base, folder, file), JSON.stringify({ ...JSON.parse(text), ...changes }));
  }
  return base;
}

const config = (base: string, fields: object = {}): ParsedConfig =>
  resolveConfig(
    {
      base,
      dataset: { folder: "data" },
      stages: [
        {
          kind: "text-to-image",
          name: "finetune",
          resolution: 64,
          batchSize: 4,
          steps: 100,
          optimizer: { lr: 1e-4 },
          ...fields,
        },
      ],
      sampling: { prompts: ["a fox"] },
    },
    "fox.ts",
  );
const lossOf = async (given: ParsedConfig): Promise<unknown> => {
  const { config: fitted } = await fitToBase(given);
  return fitted.stages.map((stage) => "loss" in stage && stage.loss.type);
};

it.each([
  ["v", { prediction_type: "v_prediction" }, {}],
  ["epsilon+vlb", { prediction_type: "epsilon" }, { out_channels: 8 }],
  ["epsilon", { prediction_type: "epsilon" }, { out_channels: 4 }],
  ["epsilon", { prediction_type: "epsilon" }, { out_channels: null }],
])("trains towards %s where the base predicts that", async (type, scheduler, transformer) => {
  const base = baseWith(
    `base-${type}-${JSON.stringify(transformer).length}`,
    scheduler,
    transformer,
  );
  expect(await lossOf(config(base))).toEqual([type]);
});

it("keeps a target that is given and fits, and lists all that do not", async () => {
  const base = baseWith("noise", { prediction_type: "epsilon" }, {});
  expect(await lossOf(config(base, { loss: { type: "epsilon" } }))).toEqual(["epsilon"]);
  const wrong = { loss: { type: "epsilon" }, resolution: 60 };
  await expect(fitToBase(config(SHIPPED, wrong))).rejects.toThrow(
    [
      `Expected "v" for loss.type of stage "finetune", because ${SHIPPED} was trained to predict v_prediction, but received "epsilon"`,
      "Expected a multiple of 8, the autoencoder's downsampling factor (4) times the transformer's patch (2), for stages.0.resolution but received 60.",
    ].join("\n"),
  );
  const other = baseWith("sample", { prediction_type: "sample" }, {});
  await expect(fitToBase(config(other))).rejects.toThrow(
    `because ${other} was trained to predict sample, but received null`,
  );
});

it("takes a base of other noise levels, and lists what can't be trained with them", async () => {
  const zero = { prediction_type: "v_prediction", rescale_betas_zero_snr: true };
  const cosine = { prediction_type: "epsilon", beta_schedule: "scaled_linear" };
  expect(await lossOf(config(baseWith("zero", zero, {})))).toEqual(["v"]);
  expect(await lossOf(config(baseWith("scaled", cosine, { out_channels: 4 })))).toEqual([
    "epsilon",
  ]);
  const odd = baseWith(
    "odd",
    { ...zero, prediction_type: "epsilon", num_train_timesteps: 500 },
    {},
  );
  await expect(
    fitToBase(config(odd, { consistency: {}, adapter: { type: "lora" } })),
  ).rejects.toThrow(
    [
      `Expected a base of 1000 training timesteps but received ${odd}, whose scheduler has 500`,
      `Expected a base that predicts v_prediction, because the scheduler of ${odd} has rescale_betas_zero_snr: its last timestep holds no picture, but received one that predicts epsilon`,
      `Expected no consistency for stage "finetune", because the scheduler of ${odd} has rescale_betas_zero_snr: its last timestep holds no picture to distil`,
    ].join("\n"),
  );
});

it.each([
  [64, undefined],
  [96, undefined],
  [128, "at 128 px"],
  [1024, "at 1024 px"],
  [32, "at 32 px"],
])("at %i px a model of 64 px says: %s", async (resolution, said) => {
  const { warnings } = await fitToBase(config(SHIPPED, { resolution }));
  expect(warnings).toEqual(
    said === undefined
      ? []
      : [
          `Stage "finetune" trains ${said}, but ${SHIPPED} was made for 64 px: it has much to relearn and will draw poorly for a long time. To train at its size: stages.0.resolution=64`,
        ],
  );
});

it("does not warn of a size that the positions are scaled for", async () => {
  const scaled = config(SHIPPED, { resolution: 128, interpolationScale: 4 });
  expect((await fitToBase(scaled)).warnings).toEqual([]);
});
