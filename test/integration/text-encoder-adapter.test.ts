import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TextToImageStageConfig, TrainConfig } from "../../src/config/index.ts";
import { RgbImage } from "../../src/images/index.ts";
import { T5EncoderModel } from "../../src/models/index.ts";
import { DiffusionPipeline, loadAdapters } from "../../src/pipelines/index.ts";
import type { Tensor } from "../../src/torch/index.ts";
import * as torch from "../../src/torch/index.ts";
import { openCheckpoint } from "../../src/training/checkpoints/checkpoint.ts";
import { machineMemory } from "../../src/training/models/available-memory.ts";
import { pipelineFromRun } from "../../src/training/run-pipeline.ts";
import { expectEqualTensors } from "../fixtures/equal-tensors.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { pixartHere } from "./in-process.ts";

const BASE = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const STEPS = 3;
const [LR, TEXT_LR] = [0.01, 0.03];
const PROMPT = "a sks ball";
const folder = mkdtempSync(join(tmpdir(), "pixart-text-adapter-"));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const captions: TextToImageStageConfig = {
  kind: "text-to-image",
  name: "captions",
  resolution: 32,
  batchSize: 2,
  steps: 1,
  loss: { type: "v" },
  optimizer: { lr: 1e-4 },
  sampleEvery: null,
};
const stage: TextToImageStageConfig = {
  ...captions,
  name: "adapters",
  steps: STEPS,
  optimizer: { lr: LR, textEncoderLr: TEXT_LR, weightDecay: 0, eps: 1e-12 },
  textEncoderAdapter: { type: "lora", r: 2, targetModules: ["q", "v", "wo"] },
  checkpointEvery: 1,
  keepCheckpoints: STEPS,
};

function configFile(name: string, stages: TrainConfig["stages"]): string {
  const config: TrainConfig = {
    name,
    threads: 1,
    base: BASE,
    dataset: {
      folder: at("data"),
      instancePrompt: PROMPT,
      captionDropout: 0,
      cache: { folder: at("cache") },
    },
    stages,
    sampling: { prompts: [PROMPT], steps: 1 },
  };
  writeFileSync(at(`${name}.json`), JSON.stringify(config));
  return at(`${name}.json`);
}

const train = (name: string, config: string, ...more: readonly string[]) =>
  pixartHere("train", config, "--work-dir", at(name), ...more);

const stepOf = (run: string, step: number): string =>
  join(at(run), "checkpoints/adapters", `step-${String(step).padStart(8, "0")}`);

const weightsOf = async (run: string, step = STEPS): Promise<Map<string, Tensor>> =>
  (await openCheckpoint(stepOf(run, step))).read("weights");

/** The largest number of the tensors that a key's start and end name. */
const largest = (weights: ReadonlyMap<string, Tensor>, start: string, end: string): number =>
  Math.max(
    ...[...weights].flatMap(([key, tensor]) =>
      key.startsWith(start) && key.endsWith(end)
        ? torch.tidy(() => tensor.detach().abs().amax()).item()
        : [],
    ),
  );

const size = ["--width=32", "--height=32", "--steps=2", "--guidance=2"];
let calls = 0;
async function drawn(model: string, ...args: readonly string[]): Promise<Uint8Array> {
  const out = at(`pictures-${calls++}`);
  const { stdout } = await pixartHere("sample", model, PROMPT, ...args, ...size, "--out", out);
  return (await RgbImage.decode(stdout.trim())).data;
}

const difference = (a: Uint8Array, b: Uint8Array): number =>
  Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN))));

beforeAll(async () => {
  await writeTinyDataset(at("data"));
  // A few pictures alone: nothing is held out, whose loss would be measured at each stage's end.
  const kept = ["ball-red.png", "ball-green.png", "ball-blue.png"];
  for (const name of readdirSync(at("data")).filter((each) => !kept.includes(each)))
    rmSync(join(at("data"), name));
  await train(
    "both",
    configFile("both", [captions, { ...stage, adapter: { type: "lora", r: 2 } }]),
  );
});

describe("a run that trains adapters of transformer and text encoder", () => {
  it("keeps the two alone in its checkpoints, each learning at its own rate", async () => {
    const first = await weightsOf("both", 1);
    expect([...first.keys()].every((key) => /^\w+\.base_model\.model\..*\.lora_/.test(key))).toBe(
      true,
    );
    expect([...first.keys()].filter((key) => key.startsWith("text_encoder."))).toHaveLength(
      2 * 2 * 3,
    );
    // B begins at zero, and the first step of Adam is as long as the rate.
    expect(largest(first, "transformer.", "lora_B.weight") / LR).toBeCloseTo(1, 2);
    expect(largest(first, "text_encoder.", "lora_B.weight") / TEXT_LR).toBeCloseTo(1, 2);
    const last = await weightsOf("both");
    for (const [key, tensor] of first)
      expect(
        torch.tidy(() => tensor.equal(last.get(key) as Tensor)),
        key,
      ).toBe(false);
  });

  it("leaves both models as they were", async () => {
    const { pipe } = await pipelineFromRun(at("both"), false);
    const before = join(at("both"), "checkpoints/captions/step-00000001");
    const { pipe: start } = await pipelineFromRun(before, true);
    // Pictures that are given away record it: no folders.
    expect(start.source?.name).toBe("both/captions/step-00000001");
    expectEqualTensors(pipe.transformer.stateDict(), start.transformer.stateDict());
    const encoder = await T5EncoderModel.fromPretrained(BASE, {
      subfolder: "text_encoder",
    });
    expectEqualTensors((pipe.textEncoder as T5EncoderModel).stateDict(), encoder.stateDict());
    for (const each of [pipe, start, encoder]) each.dispose();
  });

  it("tells by which of its checkpoints a picture was drawn", async () => {
    const drawn = async (model: string, name: string, ...args: readonly string[]) => {
      const out = at(`${name}.png`);
      const { stderr } = await pixartHere("sample", model, ...args, "--out", out);
      return { out, warnings: stderr.match(/Warning: .*/g) };
    };
    const { out } = await drawn(stepOf("both", 1), "by the first", PROMPT, "--steps", "1");
    const [first, last] = [
      await drawn(stepOf("both", 1), "by the first again", "--from", out),
      await drawn(stepOf("both", STEPS), "by the last", "--from", out),
    ];
    expect(first.warnings).toBeNull();
    const adapter = /the adapter "default" at scale 1 \(hash [0-9a-f]{10}\+[0-9a-f]{10}\)/.source;
    expect(last.warnings).toEqual([
      expect.stringMatching(
        `^Warning: the picture was drawn with ${adapter}, and this model has ${adapter}: the picture will be different$`,
      ),
    ]);
  });

  it("resumes to the same bits", async () => {
    cpSync(at("both"), at("cut"), { recursive: true });
    for (const step of [2, 3]) rmSync(stepOf("cut", step), { recursive: true });
    await train("cut", at("both.json"), "--resume");
    const [mine, theirs] = [
      await openCheckpoint(stepOf("cut", STEPS)),
      await openCheckpoint(stepOf("both", STEPS)),
    ];
    for (const group of ["weights", "ema", "optimizer"])
      expectEqualTensors(mine.read(group), theirs.read(group));
  });

  it("publishes them as two folders of PEFT, which --lora takes together, or merged", async () => {
    const { stderr } = await pixartHere("publish", at("both"), at("adapters"));
    expect(stderr).toContain("adapters of transformer and text encoder of");
    const files = ["adapter_config.json", "adapter_model.safetensors"];
    expect(readdirSync(at("adapters")).toSorted()).toEqual(["README.md", ...files, "text_encoder"]);
    expect(readdirSync(at("adapters/text_encoder")).toSorted()).toEqual(files);
    await pixartHere("publish", at("both"), at("merged"), "--merge");
    const captionsEnd = join(at("both"), "checkpoints/captions/step-00000001");
    await pixartHere("publish", captionsEnd, at("base"));

    const run = await drawn(at("both"));
    expect(difference(run, await drawn(at("base")))).toBeGreaterThan(20);
    const together = await drawn(at("base"), "--lora", at("adapters"));
    expect(difference(run, together)).toBeLessThanOrEqual(1);
    expect(difference(run, await drawn(at("merged")))).toBeLessThanOrEqual(1);
    cpSync(at("adapters"), at("one"), { recursive: true });
    rmSync(at("one/text_encoder"), { recursive: true });
    expect(difference(run, await drawn(at("base"), "--lora", at("one")))).toBeGreaterThan(5);
    expect(await drawn(at("base"), "--lora", `${at("adapters")}=0`)).toEqual(
      await drawn(at("base")),
    );
  });

  it("puts them on a text encoder that is loaded for each use too, and not on encoded prompts", async () => {
    const draw = async (keepTextEncoder: boolean, adapters: string): Promise<Uint8Array> => {
      const pipe = await DiffusionPipeline.fromPretrained(at("base"), { keepTextEncoder });
      await loadAdapters(pipe, at(adapters));
      const options = { width: 32, height: 32, numInferenceSteps: 2, useResolutionBinning: false };
      const { images } = await pipe(PROMPT, { ...options, generator: torch.generator(0) });
      pipe.dispose();
      return images[0]?.data ?? new Uint8Array();
    };
    const staged = await draw(false, "adapters");
    expect(difference(await draw(true, "adapters"), staged)).toBeLessThanOrEqual(1);
    expect(difference(await draw(false, "one"), staged)).toBeGreaterThan(5);
    await pixartHere("embed", at("base"), PROMPT, "--out", at("prompts.safetensors"));
    const prompts = ["--prompts-from", at("prompts.safetensors")];
    await expect(drawn(at("base"), "--lora", at("adapters"), ...prompts)).rejects.toThrow(
      `Expected a text encoder for the adapter in ${at("adapters/text_encoder")} but received encoded prompts, which were made without it`,
    );
    const pipe = await DiffusionPipeline.fromPretrained(at("base"), { textEncoder: null });
    await expect(loadAdapters(pipe, at("adapters"))).rejects.toThrow("but received none, which");
    pipe.dispose();
  });
});

describe("a run that trains a transformer and an adapter of the text encoder", () => {
  it("holds the one whole, publishes a pipeline with the other in it, and caches no captions", async () => {
    const config = configFile("whole", [{ ...stage, checkpointEvery: STEPS }]);
    const caches = (): string[] =>
      existsSync(at("cache"))
        ? readdirSync(at("cache")).filter((name) => name.startsWith("captions"))
        : [];
    const before = caches();
    await train("whole", config);
    expect(caches()).toEqual(before);
    const { stderr } = await pixartHere("precompute", config);
    expect(stderr).toContain("The run trains its text encoder: captions are encoded as it goes");

    const { pipe } = await pipelineFromRun(at("whole"), false);
    const held = await weightsOf("whole");
    const isAdapter = (key: string): boolean => key.startsWith("text_encoder.base_model.");
    const rest = [...held].filter(([key]) => !isAdapter(key));
    expect(held.size - rest.length).toBe(2 * 2 * 3);
    expectEqualTensors(
      new Map(rest),
      new Map([...pipe.transformer.stateDict()].map(([key, t]) => [`transformer.${key}`, t])),
    );
    pipe.dispose();

    const { stderr: said } = await pixartHere("publish", at("whole"), at("whole-published"));
    expect(said).toContain("The text encoder's adapter is merged into it");
    const published = await drawn(at("whole-published"));
    expect(difference(published, await drawn(at("whole")))).toBeLessThanOrEqual(1);
    rmSync(at("whole-published/text_encoder"), { recursive: true });
    cpSync(join(BASE, "text_encoder"), at("whole-published/text_encoder"), { recursive: true });
    expect(difference(published, await drawn(at("whole-published")))).toBeGreaterThan(5);
  });

  it("counts the encoder that stays in memory, and says how to do without", async () => {
    const place = at("huge/config.json");
    cpSync(join(BASE, "text_encoder/config.json"), place);
    const layer = { d_model: 2048, num_heads: 32, d_kv: 64, d_ff: 5120 };
    const layerBytes = 4 * layer.d_model * (4 * 32 * 64 + 3 * layer.d_ff);
    // What the machine could hold if nothing else were on it.
    const shape = { ...layer, num_layers: Math.floor((0.98 * machineMemory()) / layerBytes) };
    const stored = JSON.parse(readFileSync(place, "utf8"));
    writeFileSync(place, JSON.stringify({ ...stored, ...shape }));
    const config = configFile("huge", [stage]);
    const encoder = `textEncoder.pretrained=${at("huge")}`;
    await expect(
      train("huge-run", config, "--dry-run", "--rehearsal", "--cfg-options", encoder),
    ).rejects.toThrow(
      /memory in stage "adapters" \(models [\d.]+ GB, .*or leave the text encoder as it is \(stages\.0\.textEncoderAdapter null\)/,
    );
  });

  it("names layers that the text encoder has not", async () => {
    const textEncoderAdapter = { type: "lora", targetModules: ["to_q"] } as const;
    const config = configFile("wrong", [{ ...stage, textEncoderAdapter }]);
    await expect(train("wrong", config)).rejects.toThrow(
      /^Expected names of layers of T5EncoderModel for targetModules but received \["to_q"\], which names none/,
    );
  });
});
