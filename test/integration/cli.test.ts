import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPictureMetadata } from "../../src/images/index.ts";
import { MAIN } from "../fixtures/pixart-program.ts";
import { writeTinyClip } from "../fixtures/tiny-clip.ts";
import { tinyConfig } from "../fixtures/tiny-config.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "pixart-cli-"));
const configFile = join(folder, "tiny.json");
const run = join(folder, "run");

const pixart = (...args: string[]) =>
  execa(process.execPath, [MAIN, ...args], {
    cwd: ROOT,
    reject: false,
  });

beforeAll(async () => {
  await writeTinyDataset(join(folder, "data"));
  writeFileSync(configFile, JSON.stringify(tinyConfig(join(folder, "data"))));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("pixart train", () => {
  it("saves at Ctrl+C, prints the command that goes on, and goes on with it", async () => {
    const first = pixart("train", configFile, "--work-dir", run);
    const timer = setInterval(() => {
      const events = join(run, "events.jsonl");
      if (existsSync(events) && readFileSync(events, "utf8").includes('"type":"step"')) {
        clearInterval(timer);
        first.kill("SIGINT");
      }
    }, 5);
    const { exitCode, stderr } = await first;
    clearInterval(timer);
    expect(exitCode).toBe(130);
    expect(stderr).toContain("Saving, then stopping. Press Ctrl+C again");
    expect(stderr).toContain(`npx pixart train ${configFile} --work-dir ${run} --resume`);
    const [checkpoint] = readdirSync(join(run, "checkpoints", "autoencoder")).filter((n) =>
      n.startsWith("step-"),
    );
    expect(checkpoint).toBeDefined();

    const second = await pixart("train", configFile, "--work-dir", run, "--resume");
    expect(second.stderr).toContain(
      `Continuing with stage "autoencoder" after step ${Number(checkpoint?.slice(5))}`,
    );
    expect(second).toMatchObject({ exitCode: 0, stdout: run });
  });

  it("never trains over a run that is there", async () => {
    const { exitCode, stderr } = await pixart("train", configFile, "--work-dir", run);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(
      `Expected a new or empty folder for the run but received ${run}, which holds a run.`,
    );
    expect(stderr).toContain("--resume");
  });

  it("lists a config's mistakes with suggestions", async () => {
    const { exitCode, stderr } = await pixart(
      "train",
      configFile,
      "--cfg-options",
      "stages.0.stepz=3",
    );
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/stages\.0\.stepz.*Did you mean .*steps/s);
  });

  it("refuses a data folder without captions", async () => {
    const bare = join(folder, "bare");
    await writeTinyDataset(bare);
    rmSync(join(bare, "metadata.jsonl"));
    const { exitCode, stderr } = await pixart(
      ...[
        "train",
        configFile,
        "--work-dir",
        join(folder, "other"),
        "--cfg-options",
        `dataset.folder=${bare}`,
      ],
    );
    expect(exitCode).toBe(1);
    expect(stderr).toContain(bare);
    expect(stderr).toContain("metadata.jsonl");
  });
});

describe("pixart sample", () => {
  it("draws from a run: PNGs that remember how they were made, and a sheet", async () => {
    const out = join(folder, "pictures");
    const { stdout, exitCode } = await pixart(
      ...[
        "sample",
        run,
        "a ball, red style",
        "a ring, blue style",
        "--steps",
        "3",
        "--guidance",
        "2",
      ],
      ...["--seed", "5", "--out", out, "--json"],
    );
    expect(exitCode).toBe(0);
    const files = [
      join(out, "a-ball-red-style-5.png"),
      join(out, "a-ring-blue-style-6.png"),
      join(out, "sheet.png"),
    ];
    expect(JSON.parse(stdout)).toEqual({ files });
    expect(await readPictureMetadata(files[1] ?? "")).toMatchObject({
      prompt: "a ring, blue style",
      steps: 3,
      guidanceScale: 2,
      seed: 6,
      width: 32,
      height: 32,
      modelHash: expect.stringMatching(/^[0-9a-f]{10}$/),
    });
  });

  it("warns of a prompt that is too long, with the part that is cut off, and draws all the same", async () => {
    const prompt = `a ball, red style ${"and another ball ".repeat(60)}`;
    const out = join(folder, "long");
    const { exitCode, stderr } = await pixart("sample", run, prompt, "--steps", "1", "--out", out);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/Warning: .*another ball/s);
  });

  it("takes an empty prompt as no prompt", async () => {
    const { exitCode, stdout } = await pixart(
      "sample",
      run,
      "",
      "--steps",
      "1",
      "--out",
      join(folder, "empty"),
    );
    expect(exitCode).toBe(0);
    expect(stdout).toContain("unconditional-0.png");
  });

  it("says what a model may be", async () => {
    const { exitCode, stderr } = await pixart("sample", join(folder, "nothing"), "a ball");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("Expected an existing folder for the model but received");
  });

  it("finds a damaged checkpoint and names the file", async () => {
    const checkpoint = join(run, "checkpoints", "alignment", "step-00000012");
    const file = join(checkpoint, "weights.safetensors");
    const bytes = readFileSync(file);
    const flipped = Buffer.from(bytes);
    flipped[flipped.length - 7] = (flipped[flipped.length - 7] ?? 0) ^ 1;
    writeFileSync(file, flipped);
    const { exitCode, stderr } = await pixart(
      "sample",
      checkpoint,
      "a ball",
      "--out",
      join(folder, "damaged"),
    );
    writeFileSync(file, bytes);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("weights.safetensors");
  });
});

describe("pixart publish, evaluate, config, doctor", () => {
  it("publishes a run, says which weights, and measures what was published", async () => {
    const out = join(folder, "published");
    const published = await pixart("publish", run, out, "--dtype", "bfloat16");
    expect(published.stderr).toContain("Publishing the averaged (EMA) weights");
    expect(published).toMatchObject({ exitCode: 0, stdout: out });
    expect(readFileSync(join(out, "README.md"), "utf8")).toMatch(
      /^---\nlibrary_name: diffusers\n.*\n# published\n\nThe averaged \(EMA\) weights after \d+ of \d+ steps/s,
    );
    const measured = await pixart(
      ...[
        "evaluate",
        out,
        "--data",
        join(folder, "data"),
        "--count",
        "4",
        "--steps",
        "2",
        "--json",
      ],
    );
    const { seen, heldout } = JSON.parse(measured.stdout);
    expect([seen.n, heldout.n]).toEqual([4, 2]);
    expect(seen.nearest.pixels.chance.style).toBeGreaterThan(0.2);
  });

  it("measures how well pictures fit prompts, of which there need be no pictures", async () => {
    const clip = join(folder, "clip");
    await writeTinyClip(clip);
    const prompts = join(folder, "prompts.txt");
    writeFileSync(prompts, "a\n\na a a a a\n");
    const measure = (...more: string[]) =>
      pixart("evaluate", "emoji-demo", "--prompts", prompts, "--steps", "1", ...more);
    const { stdout } = await measure("--clip", clip);
    expect(stdout).toMatch(
      /^CLIP score of 2 prompts: \d+\.\d\d\nCLIP score: CLIP read only the beginning of 1 captions$/,
    );
    expect(await measure()).toMatchObject({
      exitCode: 2,
      stderr: "pixart: Expected --prompts with --clip and without --data",
    });
  });

  it("refuses to publish before it begins, and says as JSON what it did", async () => {
    const out = join(folder, "published");
    const keys = await pixart("publish", run, join(folder, "new"), "--save-keys", "unet");
    expect(keys).toMatchObject({
      exitCode: 2,
      stderr: "pixart: Expected transformer, vae, text_encoder for --save-keys but received unet",
    });
    const taken = await pixart("publish", run, out);
    expect(taken).toMatchObject({
      exitCode: 1,
      stderr: `pixart: Expected a new or empty folder to publish to but received ${out}. Choose another, or remove it first`,
    });
    const missing = await pixart("publish", join(folder, "rum"), join(folder, "new"));
    expect(missing).toMatchObject({
      exitCode: 2,
      stderr: `pixart: Expected a run folder or one of its checkpoints for RUN but received ${join(folder, "rum")}, which does not exist (did you mean ${run}?)`,
    });
    const part = join(folder, "part");
    const { stdout } = await pixart("publish", run, part, "--save-keys", "vae", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      folder: part,
      kind: "components",
      components: ["vae"],
      weights: "averaged (EMA)",
    });
  });

  it("prints a recipe with every default", async () => {
    const { stdout } = await pixart("config", "emoji_demo", "--cfg-options", "seed=3");
    expect(JSON.parse(stdout)).toMatchObject({
      seed: 3,
      name: "emoji_demo",
      publish: { dtype: "float32" },
    });
  });

  it("reports engine and machine", async () => {
    const { stdout } = await pixart("doctor", "--json");
    expect(JSON.parse(stdout).engine.devices[0].works).toContain("float32");
  });
});
