import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TrainConfig } from "../../src/config/index.ts";
import { type Adapter, addAdapter, type T5EncoderModel } from "../../src/models/index.ts";
import { DiffusionPipeline, loadAdapters } from "../../src/pipelines/index.ts";
import type { Tensor } from "../../src/torch/index.ts";
import * as torch from "../../src/torch/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/weights/index.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { pixartHere } from "./in-process.ts";

const BASE = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const PROMPT = "a red ball";
const folder = mkdtempSync(join(tmpdir(), "pixart-lora-files-"));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

/** PEFT's tensors under kohya's keys; its alphas are numbers of their own. */
const kohyaKeys = (adapter: Adapter, prefix: string, alpha: number): Map<string, Tensor> =>
  new Map(
    [...adapter.parameters()].flatMap(([key, tensor]): [string, Tensor][] => {
      const [, layer = "", matrix] =
        /^base_model\.model\.(.*)\.lora_([AB])\.weight$/.exec(key) ?? [];
      const start = `${prefix}${layer.replaceAll(".", "_")}`;
      const name = `${start}.lora_${matrix === "A" ? "down" : "up"}.weight`;
      return [
        [name, tensor.detach()],
        [`${start}.alpha`, torch.tensor(alpha)],
      ];
    }),
  );

beforeAll(async () => {
  const pipe = await DiffusionPipeline.fromPretrained(BASE);
  const generator = torch.generator(0);
  const options = { peftType: "LORA", r: 2, loraAlpha: 6, initLoraWeights: false } as const;
  const targets = { targetModules: ["to_q", "to_v"] };
  const style = addAdapter(pipe.transformer, { ...options, ...targets }, { generator });
  const words = addAdapter(
    pipe.textEncoder as T5EncoderModel,
    { ...options, targetModules: ["q", "wo"] },
    { generator },
  );
  await style.save(at("folder"));
  await words.save(at("folder/text_encoder"));
  const transformer = kohyaKeys(style, "lora_unet_", 6);
  const textEncoder = kohyaKeys(words, "lora_te_", 6);
  await writeSafetensors(at("both.safetensors"), new Map([...transformer, ...textEncoder]));
  await writeSafetensors(at("text.safetensors"), textEncoder);
  mkdirSync(at("diffusers"));
  cpSync(at("both.safetensors"), at("diffusers/pytorch_lora_weights.safetensors"));
  cpSync(at("both.safetensors"), at("rank=8"));
  pipe.dispose();
});

describe("loadAdapters", () => {
  async function draw(place?: string, keepTextEncoder = true): Promise<Uint8Array> {
    const pipe = await DiffusionPipeline.fromPretrained(BASE, { keepTextEncoder });
    if (place !== undefined) await loadAdapters(pipe, at(place));
    const options = { width: 32, height: 32, numInferenceSteps: 2, useResolutionBinning: false };
    const { images } = await pipe(PROMPT, { ...options, generator: torch.generator(0) });
    pipe.dispose();
    return images[0]?.data ?? new Uint8Array();
  }
  const difference = (a: Uint8Array, b: Uint8Array): number =>
    Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN))));

  it("puts each tensor of a file on the model that its key names", async () => {
    const expected = await draw("folder");
    for (const place of ["both.safetensors", "diffusers", "folder/adapter_model.safetensors"]) {
      expect(difference(await draw(place), expected), place).toBeLessThanOrEqual(1);
    }
    expect(difference(await draw("both.safetensors", false), expected)).toBeLessThanOrEqual(1);
    const plain = await draw();
    const text = await draw("text.safetensors");
    expect(difference(text, plain)).toBeGreaterThan(2);
    expect(difference(text, expected)).toBeGreaterThan(2);
  });

  it("puts on both or none, and needs a text encoder for the second", async () => {
    const file = readSafetensors(at("both.safetensors"));
    const odd = new Map([...file.tensors.keys()].map((key) => [key, file.tensor(key)]));
    odd.set("lora_te_encoder_block_0_layer_9_x.lora_down.weight", torch.zeros([2, 2]));
    await writeSafetensors(at("odd.safetensors"), odd);
    const pipe = await DiffusionPipeline.fromPretrained(BASE, { keepTextEncoder: true });
    await expect(loadAdapters(pipe, at("odd.safetensors"))).rejects.toThrow(
      "unexpected (1):\n    lora_te_encoder_block_0_layer_9_x.lora_down.weight",
    );
    await loadAdapters(pipe, at("both.safetensors"));
    pipe.dispose();
    const none = await DiffusionPipeline.fromPretrained(BASE, { textEncoder: null });
    await expect(loadAdapters(none, at("both.safetensors"))).rejects.toThrow(
      `Expected a text encoder for the adapter in ${at("both.safetensors")} but received none, which were made without it`,
    );
    none.dispose();
  });
});

describe("--lora", () => {
  const size = ["--width=32", "--height=32", "--steps=1", "--guidance=1"];
  const sample = (...lora: readonly string[]) =>
    pixartHere("sample", BASE, PROMPT, ...size, "--out", at("pictures"), "--lora", ...lora);

  it("takes a path that is there as it is, and any number as a scale", async () => {
    for (const value of ["rank=8", "rank=8=1e-1", "rank=8=-.5", "folder=2."]) {
      const { stderr } = await sample(at(value));
      expect(stderr).not.toContain("Warning");
    }
  });

  it("refuses what is not there, what is no number, and an adapter twice", async () => {
    const expected = "Expected a PEFT folder or a LoRA file, optionally with =scale, for --lora";
    await expect(sample(at("gone=2"))).rejects.toThrow(
      `${expected} but received ${at("gone=2")}: there is no such folder or file`,
    );
    await expect(sample(at("folder=much"))).rejects.toThrow(
      `${expected} but received ${at("folder=much")}: ${at("folder")} exists, but what follows it is not a number`,
    );
    await expect(sample(at("folder"), `${at("folder")}/=0.5`)).rejects.toThrow(
      `Expected each adapter only once for --lora but received ${at("folder")}/ twice; for twice its effect: ${at("folder")}/=2`,
    );
  });

  it("is told by --from where the picture was drawn with another, or none", async () => {
    const drawn = async (name: string, ...args: readonly string[]) => {
      const out = at(`${name}.png`);
      const { stderr } = await pixartHere("sample", BASE, ...args, "--out", out);
      return { out, png: readFileSync(out), warnings: stderr.match(/Warning: .*/g) };
    };
    const lora = ["--lora", `${at("folder")}=0.5`, at("text.safetensors")];
    const first = await drawn("with", PROMPT, ...size, ...lora);
    expect(first.warnings).toBeNull();
    const same = await drawn("with again", "--from", first.out, ...lora);
    expect(same.warnings).toBeNull();
    expect(same.png.equals(first.png)).toBe(true);
    const other = await drawn("without", "--from", first.out);
    expect(other.png.equals(first.png)).toBe(false);
    expect(other.warnings).toEqual([
      expect.stringMatching(
        /^Warning: the picture was drawn with the adapter "folder" at scale 0\.5 \(hash [0-9a-f]{10}\+[0-9a-f]{10}\) and the adapter "text\.safetensors" at scale 1 \(hash [0-9a-f]{10}\), and this model has no adapter: the picture will be different without --lora folder=0\.5 text\.safetensors$/,
      ),
    ]);
    const plain = await drawn("plain", PROMPT, ...size);
    expect((await drawn("plain with", "--from", plain.out, ...lora)).warnings).toEqual([
      expect.stringMatching(/^Warning: the picture was drawn with no adapter, and this model has/),
    ]);
  });

  it("is named where an adapter is given for a model, with the model that it is for", async () => {
    await writeTinyDataset(at("data"));
    const config: TrainConfig = {
      name: "style",
      threads: 1,
      base: BASE,
      dataset: { folder: at("data"), cache: { folder: at("cache") } },
      stages: [
        {
          kind: "text-to-image",
          name: "style",
          resolution: 32,
          batchSize: 2,
          steps: 1,
          loss: { type: "v" },
          optimizer: { lr: 1e-3 },
          adapter: { type: "lora", r: 2 },
          sampleEvery: null,
        },
      ],
      sampling: { prompts: [PROMPT], steps: 1 },
    };
    writeFileSync(at("style.json"), JSON.stringify(config));
    await pixartHere("train", at("style.json"), "--work-dir", at("run"));
    await pixartHere("publish", at("run"), at("style"));
    const published = JSON.parse(readFileSync(at("style/adapter_config.json"), "utf8"));
    expect(published).toMatchObject({ base_model_name_or_path: BASE });
    for (const [model, base] of [
      ["style", BASE],
      ["both.safetensors", "MODEL"],
      ["diffusers", "MODEL"],
    ] as const) {
      await expect(pixartHere("sample", at(model), PROMPT)).rejects.toThrow(
        `Expected a model but received ${at(model)}, an adapter for one: npx pixart sample ${base} --lora ${at(model)}`,
      );
    }
  });
});
