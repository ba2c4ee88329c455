import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import { readEvents } from "../../src/training/run-folder/event-log.ts";
import type { RunEvent } from "../../src/training/run-folder/events.ts";
import type { PictureLosses } from "../../src/training/run-folder/picture-losses-file.ts";
import type { RunSummary } from "../../src/training/run-folder/run-summary.ts";
import { PIXART } from "../fixtures/pixart-program.ts";
import { tinyConfig } from "../fixtures/tiny-config.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { pixartHere } from "./in-process.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-runs-"));
const runs = join(folder, "runs");
const [first, second] = [join(runs, "first"), join(runs, "second")];
const NOISE = "ring-green.png";

const config = (lr: number, steps: number): unknown => {
  const tiny = tinyConfig(join(folder, "data"));
  const [autoencoder, , alignment] = tiny.stages;
  return {
    ...tiny,
    stages: [
      { ...autoencoder, steps: 30, batchSize: 8, checkpointEvery: 15, spikes: null },
      {
        ...alignment,
        batchSize: 8,
        steps,
        checkpointEvery: 4,
        validateEvery: 6,
        optimizer: { lr },
        // So low that the chance of timesteps and pictures makes spikes.
        spikes: { factor: 1.05, window: 3 },
      },
    ],
  };
};
const eventsOf = (run: string): readonly RunEvent[] => readEvents(join(run, "events.jsonl"));

beforeAll(async () => {
  await writeTinyDataset(join(folder, "data"));
  const noise = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => ((i * 7919) ^ (i >> 3)) % 256);
  await new RgbImage(32, 32, noise).save(join(folder, "data", NOISE));
  for (const [run, lr, steps] of [
    [first, 1e-3, 12],
    [second, 1e-4, 4],
  ] as const) {
    const file = `${run.replace(runs, folder)}.json`;
    writeFileSync(file, JSON.stringify(config(lr, steps)));
    await pixartHere("train", file, "--work-dir", run);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("a run with spikes", () => {
  it("tells of rollbacks, and of each step once all the same", () => {
    const own = eventsOf(first).filter((event) => "stage" in event && event.stage === "alignment");
    const rollbacks = own.filter((event) => event.type === "rollback");
    expect(rollbacks.length).toBeGreaterThan(0);
    for (const { step, spikeStep, ratio, skipped, pictures } of rollbacks) {
      expect(step % 4).toBe(0);
      expect(spikeStep).toBeGreaterThan(step);
      expect(ratio).toBeGreaterThan(1.05);
      expect(skipped[1] - skipped[0]).toBe(spikeStep - step);
      expect(pictures).toHaveLength(8);
      expect(pictures[0]).toMatch(/^\w+-\w+\.png$/);
    }
    const steps = own.flatMap((event) => (event.type === "step" ? event.step : []));
    expect(steps).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    const newest = join(first, "checkpoints/alignment/step-00000012/manifest.json");
    const skipped = JSON.parse(readFileSync(newest, "utf8")).state.skippedBatches as number[][];
    const total = skipped.reduce((sum, [from = 0, to = 0]) => sum + to - from, 0);
    const told = rollbacks.reduce((sum, { skipped: [from, to] }) => sum + to - from, 0);
    expect(total).toBe(told);
  });

  it("tells held-out losses by band, at its checkpoints too, and keeps the best", () => {
    const measured = eventsOf(first).filter((event) => event.type === "validation");
    const own = measured.filter(({ stage }) => stage === "alignment");
    expect(own.map(({ step }) => step)).toEqual([4, 6, 8, 12]);
    for (const { losses, bands } of own) {
      const heldout = Object.values(bands.heldout ?? {});
      expect(heldout).toHaveLength(4);
      expect(Math.min(...heldout)).toBeLessThan(losses.heldout ?? 0);
      expect(Math.max(...heldout)).toBeGreaterThan(losses.heldout ?? 0);
    }
    const saved = own.filter(({ step }) => step % 4 === 0);
    const lowest = saved.reduce((a, b) =>
      (b.losses.heldout ?? 0) < (a.losses.heldout ?? 0) ? b : a,
    );
    const best = readFileSync(join(first, "checkpoints/alignment/best"), "utf8").trim();
    expect(best).toBe(`step-${String(lowest.step).padStart(8, "0")}`);
    expect(existsSync(join(first, "checkpoints/alignment", best, "manifest.json"))).toBe(true);
    // Nothing is measured on the way of this stage.
    expect(existsSync(join(first, "checkpoints/autoencoder/best"))).toBe(false);
  });
});

describe("pixart runs list", () => {
  it("tells where each run stands, newest first", async () => {
    const { stdout } = await pixartHere("runs", "list", runs);
    const [head, ...lines] = stdout.trimEnd().split("\n");
    expect(head).toMatch(/^run +state +stage +step +loss +held out +lowest +images\/s +started$/);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(
      /second +finished +alignment +4\/4 +\d\.\d+ +\d\.\d+ +\d\.\d+ at \d+ /,
    );
    expect(lines[1]).toContain(first);
  });

  it("gives the same as JSON, by stage", async () => {
    const list = JSON.parse((await pixartHere("runs", "list", runs, "--json")).stdout);
    const [, run] = list as RunSummary[];
    expect(run).toMatchObject({ path: first, name: "tiny", state: "finished", message: null });
    expect(run?.stages.map(({ stage, step, steps }) => [stage, step, steps])).toEqual([
      ["autoencoder", 30, 30],
      ["alignment", 12, 12],
    ]);
    const losses = eventsOf(first).flatMap((event) =>
      event.type === "step" && event.stage === "alignment" ? event.loss : [],
    );
    expect(run?.stages[1]?.loss).toBeCloseTo(losses.reduce((a, b) => a + b, 0) / 12, 12);
  });

  it("says what a run is that neither ended nor is written", async () => {
    const other = mkdtempSync(join(folder, "broken-"));
    for (const file of ["config.json", "events.jsonl"]) {
      const lines = readFileSync(join(first, file), "utf8").split("\n");
      writeFileSync(
        join(other, file),
        (file === "config.json" ? lines : lines.slice(0, 9)).join("\n"),
      );
    }
    const { stdout } = await pixartHere("runs", "list", folder);
    expect(stdout).toMatch(/broken-\w+ +interrupted +autoencoder +\d\/30/);
  });

  it("says so where there is no such folder, and no run in it", async () => {
    for (const empty of [join(folder, "nowhere"), first]) {
      const { stdout, stderr } = await pixartHere("runs", "list", empty);
      expect([stdout, stderr]).toEqual(["", `No runs yet in ${empty}\n`]);
    }
    const { stdout } = await pixartHere("runs", "list", join(folder, "nowhere"), "--json");
    expect(stdout).toBe("[]\n");
  });
});

describe("pixart runs compare", () => {
  it("tells what the configs differ in, and how the runs went", async () => {
    const sheet = join(folder, "both.png");
    const { stdout, stderr } = await pixartHere(
      ...["runs", "compare", first, second, "--sheet", sheet],
    );
    expect(stderr).toBe(
      `Stage "autoencoder": both at step 30\nStage "alignment": ${first} at step 12, ${second} at step 4, since the first is the only step at which both have drawn\nSamples side by side: ${sheet}\n`,
    );
    const [head, steps, difference, blank] = stdout.split("\n");
    expect(head?.trim().split(/ {2,}/)).toEqual([first, second]);
    expect(steps).toMatch(/^stages\.alignment\.steps +12 +4$/);
    expect(difference).toMatch(/^stages\.alignment\.optimizer\.lr +0\.001 +0\.0001$/);
    expect(blank).toBe("");
    expect(stdout).toMatch(/\n {2}steps +12\/12 +4\/4\n/);
    expect(stdout).toMatch(/\n {4}at 0-249 +\d\.\d+ +\d\.\d+\n/);
    // Two sheets a row, for each of the two stages.
    const { width, height } = await RgbImage.decode(readFileSync(sheet), { name: sheet });
    expect(width).toBeGreaterThan(256);
    expect(height).toBeGreaterThan(256);
  });

  it("gives the same as JSON, and sees that equal configs are equal", async () => {
    const { stdout } = await pixartHere("runs", "compare", first, second, "--json");
    expect(JSON.parse(stdout).differences).toEqual([
      { place: "stages.alignment.steps", values: [12, 4] },
      { place: "stages.alignment.optimizer.lr", values: [0.001, 0.0001] },
    ]);
    const same = await pixartHere("runs", "compare", first, first);
    expect(same.stdout.split("\n")[0]).toBe("The configs are the same");
  });

  it("refuses what is no run", async () => {
    await expect(pixartHere("runs", "compare", first, folder)).rejects.toThrow(
      `${folder} is not a run folder: it has no config.json`,
    );
  });
});

describe("pixart runs worst", () => {
  it("finds the picture that is noise", async () => {
    const { stdout } = await pixartHere("runs", "worst", first, "--stage", "autoencoder");
    const [title, head, worst, ...others] = stdout.trimEnd().split("\n");
    expect(title).toBe('Stage "autoencoder", steps 1 to 30: 16 of 16 pictures');
    expect(head).toMatch(/^picture +score +loss +expected +seen$/);
    expect(worst).toMatch(new RegExp(`^${NOISE} +[01]\\.\\d\\d `));
    expect(others).toHaveLength(15);
  });

  it("takes the last stage, counts each picture's steps, and draws a sheet", async () => {
    const sheet = join(folder, "worst.png");
    const { stdout } = await pixartHere(
      ...["runs", "worst", first, "--count", "6", "--json", "--sheet", sheet],
    );
    const told = JSON.parse(stdout) as PictureLosses;
    expect(told).toMatchObject({ stage: "alignment", step: 12, since: 0 });
    expect(told.pictures).toHaveLength(6);
    const lines = readFileSync(join(first, "losses/alignment.jsonl"), "utf8").trim().split("\n");
    const all = lines.slice(1).map((line) => JSON.parse(line));
    expect(all.reduce((sum, { seen }) => sum + seen, 0)).toBe(12 * 8);
    const scores = all.map(({ score }) => score).sort((a, b) => b - a);
    expect(told.pictures.map(({ score }) => score)).toEqual(scores.slice(0, 6));
    const { width, height } = await RgbImage.decode(readFileSync(sheet), { name: sheet });
    expect([width, height > 2 * 128]).toEqual([8 + 5 * (128 + 8), true]);
  });

  it("saves its sheet although nobody reads what it prints", async () => {
    for (const runs of [
      ["worst", first],
      ["compare", first, second],
    ]) {
      const sheet = join(folder, `${runs[0]}-unread.png`);
      const words = [...PIXART, "runs", ...runs, "--sheet", sheet];
      const command = `${words.map((word) => `'${word}'`).join(" ")} | true`;
      await promisify(execFile)("bash", ["-c", command]);
      expect(existsSync(sheet)).toBe(true);
    }
  });

  it("refuses a sheet of more thumbnails than anybody looks at", async () => {
    const sheet = join(folder, "huge.png");
    await expect(
      pixartHere("runs", "worst", first, "--count", "1001", "--sheet", sheet),
    ).rejects.toThrow("Expected at most 1000 for --count together with --sheet but received 1001");
  });

  it("says which stages there are, what is missing, and where a line is no JSON", async () => {
    await expect(pixartHere("runs", "worst", first, "--stage", "x")).rejects.toThrow(
      "Expected autoencoder, alignment for --stage but received x",
    );
    const empty = mkdtempSync(join(folder, "empty-"));
    writeFileSync(join(empty, "config.json"), readFileSync(join(first, "config.json")));
    await expect(pixartHere("runs", "worst", empty)).rejects.toThrow(
      `The run ${empty} has no losses of single pictures yet: they are written with each checkpoint. Train it further`,
    );
    const file = join(second, "losses", "autoencoder.jsonl");
    writeFileSync(file, "{}\n{");
    await expect(pixartHere("runs", "worst", second, "--stage", "autoencoder")).rejects.toThrow(
      `${file}: line 2: expected a JSON object but found`,
    );
    rmSync(join(folder, "data", NOISE));
    await expect(
      pixartHere("runs", "worst", first, "--stage", "autoencoder", "--sheet", join(empty, "x.png")),
    ).rejects.toThrow(NOISE);
  });
});
