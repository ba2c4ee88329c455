import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { TrainConfig } from "../../src/config/index.ts";
import { AutoencoderKL, PixArtTransformer2DModel, T5EncoderModel } from "../../src/models/index.ts";
import { construct } from "../../src/nn/index.ts";
import * as torch from "../../src/torch/index.ts";
import { readEvents } from "../../src/training/run-folder/event-log.ts";
import { readSafetensors } from "../../src/weights/index.ts";
import { pretrainedConfig, writeTinyEncoders } from "../fixtures/pretrained-config.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { hasPython, runPython } from "../parity/python.ts";
import { pixartHere } from "./in-process.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-extracted-"));
const data = join(root, "data");
const encoders = join(root, "encoders");
const captions = join(data, "InternData", "caption_feature_wmask");
const dense = join(data, "InternData", "sharegpt4v_caption_features_new");
const latents = join(data, "InternData", "img_vae_features_32resolution", "noflip");

interface Row {
  readonly file_name: string;
  readonly text: string;
  readonly dense_text: string;
}

/** PixArt's own layout: lists in InternData, pictures in a folder of InternImgs. */
async function writeData(): Promise<readonly Row[]> {
  const plain = join(root, "plain");
  await writeTinyDataset(plain);
  const lines = readFileSync(join(plain, "metadata.jsonl"), "utf8").trim().split("\n");
  const rows = lines.map((line) => JSON.parse(line) as Row);
  mkdirSync(join(data, "InternData"), { recursive: true });
  mkdirSync(join(data, "InternImgs", "things"), { recursive: true });
  for (const { file_name: name } of rows)
    copyFileSync(join(plain, name), join(data, "InternImgs", "things", name));
  const items = rows.map(({ file_name, text, dense_text }) => ({
    path: `things/${file_name}`,
    prompt: text,
    sharegpt4v: dense_text,
    width: 32,
    height: 32,
    ratio: 1,
  }));
  writeFileSync(join(data, "InternData", "data_info.json"), JSON.stringify(items));
  return rows;
}

/** A transformer whose weights are all drawn: the paper's first weights make nothing of captions yet. */
async function writeTransformer(): Promise<void> {
  const model = construct(
    { generator: torch.generator(6) },
    () =>
      new PixArtTransformer2DModel({
        numLayers: 1,
        numAttentionHeads: 2,
        attentionHeadDim: 12,
        crossAttentionDim: 24,
        inChannels: 4,
        outChannels: 8,
        sampleSize: 16,
        captionChannels: 16,
      }),
  );
  await model.savePretrained(join(encoders, "transformer"));
  model.dispose();
}

function configFile(name: string, horizontalFlip: number, more: object = {}): string {
  const path = join(root, `${name}.json`);
  const config: TrainConfig = pretrainedConfig(data, encoders, join(root, `cache-${name}`));
  const stages = config.stages.map((stage) => ({ ...stage, transform: { horizontalFlip } }));
  const transformer = { pretrained: encoders, subfolder: "transformer" };
  writeFileSync(path, JSON.stringify({ ...config, transformer, stages, ...more }));
  return path;
}

const all = ["--caption-features", captions, "--dense-caption-features", dense];

async function losses(config: string): Promise<number[]> {
  const run = join(root, `run-${Math.random()}`);
  await pixartHere("train", config, "--work-dir", run);
  return readEvents(join(run, "events.jsonl")).flatMap((event) =>
    event.type === "step" ? [event.loss] : [],
  );
}

/** All features in a config's cache by their keys. */
function cached(name: string): Map<string, Float32Array> {
  const cache = join(root, `cache-${name}`);
  const files = readdirSync(cache, { recursive: true, encoding: "utf8" });
  return new Map(
    files
      .filter((file) => file.endsWith(".safetensors"))
      .flatMap((file) => {
        using features = readSafetensors(join(cache, file));
        return [...features.tensors.keys()].map(
          (key) => [key, features.tensor(key).toFloat32Array()] as const,
        );
      }),
  );
}

describe.skipIf(!hasPython())("features that PixArt's tools made", () => {
  beforeAll(async () => {
    const rows = await writeData();
    await writeTinyEncoders(
      encoders,
      rows.flatMap((row) => [row.text, row.dense_text]),
    );
    await writeTransformer();
    const script = fileURLToPath(new URL("extracted-features.py", import.meta.url));
    const items = rows.map(({ file_name, text, dense_text }) => {
      const name = file_name.replace(".png", "");
      return {
        picture: join(data, "InternImgs", "things", file_name),
        prompt: text,
        sharegpt4v: dense_text,
        // The tool names captions by the picture alone, the loaders look for its folder too.
        caption: join(captions, `${name}.npz`),
        dense: join(dense, `things_${name}.npz`),
        latent: join(latents, `things_${name}.npy`),
      };
    });
    expect(await runPython(script, { encoders, maxLength: 32, items })).toBe(18);
  });
  afterAll(() => rmSync(root, { recursive: true }));
  afterEach(() => vi.restoreAllMocks());

  it("train as those that are encoded here, and are not encoded again", async () => {
    const config = configFile("taken", 0);
    const picture = vi.spyOn(AutoencoderKL.prototype, "encode");
    const { stderr } = await pixartHere("precompute", config, ...all, "--latent-features", latents);
    // One, to compare.
    expect(picture).toHaveBeenCalledTimes(1);
    const distance = /the mean of things\/\S+ is (\S+) % of its spread away/.exec(stderr)?.[1];
    expect(Number(distance)).toBeLessThan(1e-3);
    picture.mockClear();
    for (const folder of [captions, dense, latents])
      expect(stderr).toContain(`Features in ${folder}: 18 taken, 0 did not fit`);
    // The empty caption. Sample prompts are captions too, of which one is a picture's.
    expect(stderr).toMatch(/18 taken, 0 did not fit\n {2}1 encoded\n/);
    const text = vi.spyOn(T5EncoderModel, "fromPretrained");
    const taken = await losses(config);
    expect([text.mock.calls.length, picture.mock.calls.length]).toEqual([0, 0]);

    const own = await losses(configFile("own", 0));
    expect(picture).toHaveBeenCalledTimes(18);
    expect(taken).toHaveLength(4);
    for (const [i, loss] of own.entries())
      expect(Math.abs((taken[i] ?? 0) / loss - 1)).toBeLessThan(1e-5);

    const [theirs, ours] = [cached("taken"), cached("own")];
    expect([...theirs.keys()].sort()).toEqual([...ours.keys()].sort());
    // Means and deviations of 18 pictures, and 37 texts.
    expect(ours.size).toBe(2 * 18 + 37);
    for (const [key, values] of ours) {
      // Dense captions are in half precision, with 11 bits; all else is in single precision.
      const bound = /mean|std/.test(key) ? 1e-5 : 2 ** -11 * Math.max(...values.map(Math.abs));
      const distances = values.map((value, i) => Math.abs(value - (theirs.get(key)?.[i] ?? 9)));
      expect(Math.max(...distances)).toBeLessThan(bound);
    }
  });

  it("are of unmirrored pictures: the mirrored ones are encoded", async () => {
    const config = configFile("mirrored", 0.5);
    const picture = vi.spyOn(AutoencoderKL.prototype, "encode");
    const { stderr } = await pixartHere("precompute", config, "--latent-features", latents);
    expect(stderr).toContain(`Features in ${latents}: 18 taken, 0 did not fit\n`);
    expect(stderr).toContain("\n  18 encoded, mirrored ones counted separately\n");
    // And one to compare.
    expect(picture).toHaveBeenCalledTimes(19);
  });

  it("are taken shard by shard, and once", async () => {
    const config = configFile("shards", 0);
    const taken = async (...args: string[]): Promise<number> => {
      const { stderr } = await pixartHere(
        "precompute",
        config,
        "--latent-features",
        latents,
        ...args,
      );
      return Number(/: (\d+) taken/.exec(stderr)?.[1]);
    };
    const [first, second] = [await taken("--shard", "1/2"), await taken("--shard", "2/2")];
    expect(first + second).toBe(18);
    expect(await taken()).toBe(0);
  });

  it("that do not fit are listed with the reason, and encoded", async () => {
    const [badCaptions, badLatents] = [join(root, "bad-captions"), join(root, "bad-latents")];
    cpSync(captions, badCaptions, { recursive: true });
    cpSync(latents, badLatents, { recursive: true });
    const dense = join(data, "InternData", "sharegpt4v_caption_features_new", "things_dot-red.npz");
    copyFileSync(dense, join(badCaptions, "dot-red.npz"));
    const damaged = readFileSync(join(badCaptions, "dot-blue.npz"));
    writeFileSync(join(badCaptions, "dot-blue.npz"), damaged.subarray(0, -30));
    const cut = readFileSync(join(badLatents, "things_ring-red.npy"));
    writeFileSync(join(badLatents, "things_ring-red.npy"), cut.subarray(0, -4));
    rmSync(join(badLatents, "things_ring-blue.npy"));
    const config = configFile("bad", 0);
    const folders = ["--caption-features", badCaptions, "--latent-features", badLatents];
    const { stderr } = await pixartHere("precompute", config, ...folders);
    expect(stderr).toContain(`Features in ${badCaptions}: 16 taken, 2 did not fit\n`);
    expect(stderr).toMatch(/dot-red\.npz: attention_mask: expected \d+ real tokens, as the tok/);
    expect(stderr).toMatch(/dot-blue\.npz: zip: expected a well-formed archive but found/);
    // Two captions, all dense ones and the empty one.
    expect(stderr).toContain("\n  21 encoded\n");
    expect(stderr).toContain(`Features in ${badLatents}: 16 taken, 1 did not fit\n`);
    expect(stderr).toMatch(/things_ring-red\.npy: data: expected 8192 bytes for float32 of/);
    expect(stderr).toContain("\n  2 encoded, mirrored ones counted separately\n");

    // Trained at another size, or with another encoder, none of them fits.
    const stages = pretrainedConfig(data, encoders, null).stages.map((stage) => ({
      ...stage,
      resolution: 16,
    }));
    const other = configFile("size", 0, { stages });
    const report = await pixartHere("precompute", other, "--latent-features", latents);
    expect(report.stderr).toMatch(/0 taken, 18 did not fit\n( {2}.*\n){5} {2}and 13 more\n/);
    expect(report.stderr).toContain(
      "expected mean and deviation as floating-point numbers of shape [8, 8, 8] but found float32 of shape [8, 16, 16]",
    );
  });

  it("are refused where no run would read them", async () => {
    const config = configFile("unread", 0);
    const refused = (...args: string[]): Promise<string> =>
      pixartHere("precompute", config, ...args).then(
        () => "nothing",
        (error: Error) => error.message,
      );
    const none = join(root, "none");
    for (const option of ["--caption-features", "--dense-caption-features", "--latent-features"])
      expect(await refused(option, none)).toBe(
        `Expected a folder for ${option} but received ${none}`,
      );
    const set = (option: string): string[] => ["--cfg-options", `${option}`];
    expect(await refused("--latent-features", latents, ...set("dataset.cache.latents=false"))).toBe(
      "Expected a config that caches latents for --latent-features but its dataset.cache.latents is false",
    );
    const unread = "Expected a config that caches captions for";
    expect(await refused("--caption-features", captions, ...set("dataset.cache.texts=false"))).toBe(
      `${unread} --caption-features but its dataset.cache.texts is false`,
    );
    expect(
      await refused("--dense-caption-features", dense, ...set("stages.0.trainTextEncoder=true")),
    ).toBe(`${unread} --dense-caption-features but it trains its text encoder`);
    expect(
      await refused(
        "--caption-features",
        captions,
        ...set("stages.0.textEncoderAdapter.type=lora"),
      ),
    ).toBe(
      `${unread} --caption-features but each of its stages trains an adapter on the text encoder`,
    );
  });
});
