import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import type { TextEncoder } from "../../src/pipelines/index.ts";
import { PromptEncoder } from "../../src/pipelines/prompts/prompt-encoder.ts";
import type { T5Tokenizer } from "../../src/text/index.ts";
import { pipelineFromRun } from "../../src/training/run-pipeline.ts";
import { readSafetensors } from "../../src/weights/index.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { pixartHere } from "../integration/in-process.ts";
import { runPython } from "./python.ts";

const BASE = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const script = fileURLToPath(new URL("finetune.py", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "pixart-finetune-"));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

/** diffengine's recipe at the size of the package's own model. */
const options = [
  `base=${BASE}`,
  `autoencoder.pretrained=${BASE}`,
  "autoencoder.subfolder=vae",
  `dataset.folder=${at("parquet")}`,
  "threads=1",
  "stages.0.resolution=32",
  "stages.0.batchSize=4",
  "stages.0.steps=3",
  "stages.0.loss.type=v",
  "stages.0.precision=float32",
  "stages.0.optimizer.lr=3e-3",
  "sampling.prompts=[a ball]",
  "sampling.steps=1",
];
const train = (recipe: string, run: string, ...more: readonly string[]) =>
  pixartHere("train", recipe, "--work-dir", at(run), "--cfg-options", ...options, ...more);
const RECIPE = "pixart_alpha_1024_pokemon_blip";
const ADAPTERS = ["lora", "oft"] as const;
const textEncoderAdapter = [
  "stages.0.textEncoderAdapter.type=lora",
  "stages.0.textEncoderAdapter.targetModules=[q,v,wo]",
];
const adapterRecipe = (type: string): string => `pixart_alpha_1024_${type}_pokemon_blip`;

/** The picture that `pixart sample` draws. */
async function drawn(model: string, ...more: readonly string[]): Promise<Uint8Array> {
  const args = [
    "--steps",
    "3",
    "--guidance",
    "2",
    "--seed",
    "5",
    "--width",
    "32",
    "--height",
    "32",
  ];
  const { stdout } = await pixartHere(
    ...["sample", model, "a ring", "--no-clean-caption", ...args, "--out", at("pictures"), ...more],
  );
  return (await RgbImage.decode(stdout.trim())).data;
}

const difference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - (b[i] ?? Number.NaN))));

/** Runs whose adapters Python draws with. */
const published = [...ADAPTERS, "texts"] as const;
let python: { readonly picture: readonly number[]; readonly states: readonly number[] }[] = [];

beforeAll(async () => {
  await writeTinyDataset(at("data"));
  await pixartHere("dataset", "convert", at("data"), at("parquet"), "--to", "parquet");
  await train(RECIPE, "full");
  await pixartHere(
    "publish_model2diffusers",
    RECIPE,
    at("full"),
    at("keys"),
    "--save-keys",
    "transformer",
  );
  await pixartHere("publish", at("full"), at("whole"));
  for (const type of ADAPTERS) {
    await train(adapterRecipe(type), type);
    await pixartHere("publish", adapterRecipe(type), at(type), at(`${type}-adapter`));
  }
  await pixartHere("publish", at("lora"), at("lora-merged"), "--merge");
  await train(adapterRecipe("lora"), "texts", ...textEncoderAdapter);
  await pixartHere("publish", at("texts"), at("texts-adapter"));
});

describe("a fine-tuned model", () => {
  it("is published as diffengine does, one folder a key, or as a whole pipeline", () => {
    expect(readdirSync(at("keys")).toSorted()).toEqual(["README.md", "transformer"]);
    expect(readdirSync(at("keys/transformer")).toSorted()).toEqual([
      "config.json",
      "diffusion_pytorch_model.safetensors",
    ]);
    expect(existsSync(at("whole/model_index.json"))).toBe(true);
  });

  it("has learned something", async () => {
    expect(difference(await drawn(at("full")), await drawn(BASE))).toBeGreaterThan(20);
  });

  it("draws in Python what it draws here, and so do its adapters", async () => {
    const common = { base: BASE, prompt: "a ring", seed: 5, steps: 3, guidance: 2, size: 32 };
    const cases = [
      { ...common, transformer: at("keys"), adapter: null },
      ...published.map((type) => ({
        ...common,
        transformer: null,
        adapter: at(`${type}-adapter`),
      })),
    ];
    python = (await runPython(script, cases)) as typeof python;
    const ours = [
      await drawn(at("whole")),
      ...(await inTurn(published, (type) => drawn(BASE, "--lora", at(`${type}-adapter`)))),
    ];
    const names = ["full", ...published];
    for (const [i, mine] of ours.entries())
      expect(difference(mine, python[i]?.picture ?? []), names[i]).toBeLessThanOrEqual(1);
  });

  it("has PEFT's states where the text encoder has an adapter too", async () => {
    const { pipe } = await pipelineFromRun(at("texts"), true);
    const limits = { maxSequenceLength: 120, onWarning: () => {} };
    const states = async (tokenizer: T5Tokenizer, encoder: TextEncoder): Promise<Float32Array> =>
      (
        await new PromptEncoder(tokenizer, encoder).encode(["a ring"], limits)
      ).hiddenStates.toFloat32Array();
    const mine = await states(pipe.tokenizer, pipe.textEncoder);
    const [theirs = [], base = []] = [python.at(-1)?.states, python.at(-2)?.states];
    expect(mine).toHaveLength(theirs.length);
    expect(difference(mine, theirs)).toBeLessThan(1e-5);
    expect(difference(mine, base)).toBeGreaterThan(1e-3);
    pipe.dispose();
  });

  it("draws the same from its run, and an adapter the same once it is merged", async () => {
    expect(await drawn(at("whole"))).toEqual(await drawn(at("full")));
    const merged = await drawn(at("lora-merged"));
    expect(difference(merged, await drawn(at("lora")))).toBeLessThanOrEqual(1);
    expect(difference(merged, await drawn(BASE))).toBeGreaterThan(20);
  });

  it("keeps an adapter's checkpoints as small as the adapter", () => {
    const [stage] = readdirSync(at("lora/checkpoints"));
    const [newest] = readdirSync(at(`lora/checkpoints/${stage}`)).filter((n) =>
      n.startsWith("step"),
    );
    using file = readSafetensors(at(`lora/checkpoints/${stage}/${newest}/weights.safetensors`));
    // 6 blocks of 8 layers each
    expect(file.tensors.size).toBe(2 * 6 * 8);
    expect([...file.tensors.keys()].every((key) => key.includes(".lora_"))).toBe(true);
  });
});

describe("refusals", () => {
  it("name another target than the base predicts", async () => {
    await expect(train(RECIPE, "epsilon", "stages.0.loss.type=epsilon")).rejects.toThrow(
      `Expected "v" for loss.type of stage "finetune", because ${BASE} was trained to predict v_prediction, but received "epsilon"`,
    );
  });

  it.each([
    [
      ["publish", "other_recipe", "full", "x"],
      "Expected pixart_alpha_1024_pokemon_blip, the config that",
    ],
    [
      ["publish", "full", "x", "--save-keys", "unet"],
      "Expected transformer, vae, text_encoder for --save-keys but received unet",
    ],
    [["publish", "full"], "Expected RUN OUT or CONFIG RUN OUT for the arguments but received"],
    [["publish", "full", "whole"], "Expected a new or empty folder to publish to but received"],
    [
      ["publish", "full", "x", "--dtype", "float8"],
      "Expected float32 or bfloat16 for --dtype but received float8",
    ],
  ])("%j", async (args, message) => {
    const places = args.map((arg) => (["full", "whole", "x"].includes(arg) ? at(arg) : arg));
    await expect(pixartHere(...places)).rejects.toThrow(message);
    expect(existsSync(at("x"))).toBe(false);
  });

  it.each([
    [["--gpus", "2", "--launcher", "none"], "Expected --launcher pytorch for --gpus 2"],
    [["--launcher", "slurm"], "Expected the variables of --launcher slurm (SLURM_PROCID,"],
    [["--launcher", "horovod"], "Expected none, pytorch, slurm, mpi for --launcher"],
    [["--resume", "nowhere"], "nowhere"],
  ])("train %j", async (flags, message) => {
    await expect(pixartHere("train", RECIPE, ...flags)).rejects.toThrow(message);
  });
});

it("goes on with a run that --resume names, by its checkpoint too", async () => {
  const [stage = ""] = readdirSync(at("full/checkpoints"));
  const checkpoint = at(`full/checkpoints/${stage}/step-00000003`);
  for (const place of [at("full"), checkpoint]) {
    const { stderr } = await pixartHere(
      "train",
      RECIPE,
      "--resume",
      place,
      "--cfg-options",
      ...options,
    );
    expect(stderr).toContain("are already complete");
  }
});

async function inTurn<T, R>(list: readonly T[], call: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of list) results.push(await call(item));
  return results;
}
