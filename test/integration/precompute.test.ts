import { type ChildProcess, spawn } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { AutoencoderKL, T5EncoderModel } from "../../src/models/index.ts";
import { readSafetensors } from "../../src/weights/index.ts";
import { MAIN } from "../fixtures/pixart-program.ts";
import { pretrainedConfig, writeTinyEncoders } from "../fixtures/pretrained-config.ts";
import { tinyConfig } from "../fixtures/tiny-config.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { pixartHere } from "./in-process.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-precompute-"));
const data = join(root, "data");
const encoders = join(root, "encoders");
const configFile = (name: string, cache: string | null): string => {
  const path = join(root, `${name}.json`);
  writeFileSync(path, JSON.stringify(pretrainedConfig(data, encoders, cache)));
  return path;
};

/** Every key in a cache, as often as it is there. */
function keysIn(cache: string, kind: string): string[] {
  const folder = readdirSync(cache).find((name) => name.startsWith(kind)) ?? "";
  return readdirSync(join(cache, folder))
    .filter((name) => name.startsWith("shard-"))
    .flatMap((name) => {
      using file = readSafetensors(join(cache, folder, name));
      return [...file.tensors.keys()];
    });
}

const weightsOf = (run: string): Buffer =>
  readFileSync(join(run, "checkpoints", "captions", "step-00000004", "weights.safetensors"));

beforeAll(async () => {
  await writeTinyDataset(data);
  const lines = readFileSync(join(data, "metadata.jsonl"), "utf8").trim().split("\n");
  await writeTinyEncoders(
    encoders,
    lines.map((line) => JSON.parse(line).text),
  );
  // What a run makes that encodes for itself.
  const picture = vi.spyOn(AutoencoderKL.prototype, "encode");
  await pixartHere("train", configFile("alone", null), "--work-dir", join(root, "alone"));
  expect(picture).toHaveBeenCalledTimes(36);
  picture.mockRestore();
});
afterAll(() => rmSync(root, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

describe("pixart precompute", () => {
  it("fills one cache from two shards, nothing twice, with all that a run needs", async () => {
    const cache = join(root, "shared");
    const config = configFile("two", cache);
    for (const shard of ["1/2", "2/2"]) {
      const { stdout, stderr } = await pixartHere("precompute", config, "--shard", shard);
      expect(stdout).toBe(`${cache}\n`);
      expect(stderr).toMatch(new RegExp(`Done: \\d+ pictures and \\d+ texts of shard ${shard}`));
    }
    const latents = keysIn(cache, "latents-");
    const captions = keysIn(cache, "captions-");
    // 18 pictures, both ways round, mean and deviation; 36 captions and the empty one.
    expect([latents.length, new Set(latents).size]).toEqual([72, 72]);
    expect([captions.length, new Set(captions).size]).toEqual([37, 37]);

    const [text, picture] = [
      vi.spyOn(T5EncoderModel, "fromPretrained"),
      vi.spyOn(AutoencoderKL.prototype, "encode"),
    ];
    const features = (): string[] =>
      readdirSync(cache, { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".safetensors"))
        .sort();
    const before = features();
    await pixartHere("train", config, "--work-dir", join(root, "cached"));
    expect([text.mock.calls.length, picture.mock.calls.length]).toEqual([0, 0]);
    expect(features()).toEqual(before);
    expect(weightsOf(join(root, "cached")).equals(weightsOf(join(root, "alone")))).toBe(true);
  });

  it("encodes nothing a second time", async () => {
    const config = configFile("again", join(root, "again"));
    await pixartHere("precompute", config);
    const text = vi.spyOn(T5EncoderModel, "fromPretrained");
    const picture = vi.spyOn(AutoencoderKL.prototype, "encode");
    const { stdout, stderr } = await pixartHere("precompute", config, "--json");
    expect(JSON.parse(stdout)).toEqual({
      folder: join(root, "again"),
      shard: "1/1",
      pictures: expect.any(Number),
      texts: expect.any(Number),
    });
    expect([text.mock.calls.length, picture.mock.calls.length]).toEqual([0, 0]);
    expect(stderr).toContain("37 of 37 are this shard's, 0 of them not in the cache");
  });

  it("fills the run folder's own cache, in which a run then begins", async () => {
    const config = configFile("own", null);
    const run = join(root, "own");
    await pixartHere("precompute", config, "--work-dir", run);
    const picture = vi.spyOn(AutoencoderKL.prototype, "encode");
    await pixartHere("train", config, "--work-dir", run);
    expect(picture).not.toHaveBeenCalled();
    expect(statSync(join(run, "config.json")).isFile()).toBe(true);
  });

  it("killed at any moment, goes on and leaves what an unbroken one leaves", async () => {
    const cache = join(root, "killed");
    const config = configFile("killed", cache);
    const start = (): ChildProcess =>
      spawn(process.execPath, [MAIN, "precompute", config], {
        cwd: fileURLToPath(new URL("../..", import.meta.url)),
        stdio: "ignore",
      });
    const ended = (child: ChildProcess): Promise<NodeJS.Signals | null> =>
      new Promise((resolve) => child.on("close", (_, signal) => resolve(signal)));
    const child = start();
    const timer = setInterval(() => {
      if (existsSync(cache) && readdirSync(cache).some((name) => name.startsWith("latents-")))
        child.kill("SIGKILL");
    }, 1);
    expect(await ended(child)).toBe("SIGKILL");
    clearInterval(timer);
    await pixartHere("precompute", config);
    expect(new Set(keysIn(cache, "latents-")).size).toBe(72);
    expect(new Set(keysIn(cache, "captions-")).size).toBe(37);
    await pixartHere("train", config, "--work-dir", join(root, "after-kill"));
    expect(weightsOf(join(root, "after-kill")).equals(weightsOf(join(root, "alone")))).toBe(true);
  });

  it("refuses a shard that is none, and a config that trains its own autoencoder", async () => {
    const config = configFile("refused", null);
    for (const shard of ["0/2", "3/2", "2", "a/b"]) {
      await expect(pixartHere("precompute", config, "--shard", shard)).rejects.toThrow(
        `Expected i/n with i from 1 to n for --shard but received ${shard}`,
      );
    }
    const path = join(root, "tiny.json");
    writeFileSync(path, JSON.stringify(tinyConfig(data)));
    await expect(pixartHere("precompute", path)).rejects.toThrow(
      "Expected a pretrained autoencoder but the config trains its own",
    );
  });
});
