import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import { stageStates } from "../../src/studio/runs/stage-state.ts";
import { type Control, requestControl } from "../../src/training/run-folder/control.ts";
import { EventTail } from "../../src/training/run-folder/event-tail.ts";
import { readRunConfig } from "../../src/training/run-folder/run-folder.ts";
import { summarizeRun } from "../../src/training/run-folder/run-summary.ts";
import { hasMade, startRun, writeTinyRun } from "../fixtures/tiny-run.ts";
import { pixartHere } from "./in-process.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-tells-"));
const at = (name: string): string => join(root, name);
const PROMPTS = ["a ball, red style", "a ring", "a cross, blue style"];
const SEED = 40;
let config = "";

const tailOf = async (run: string): Promise<EventTail> => {
  const tail = new EventTail(join(run, "events.jsonl"));
  await tail.read();
  return tail;
};

beforeAll(async () => {
  config = await writeTinyRun(root);
  const tiny = JSON.parse(readFileSync(config, "utf8"));
  const sampling = { prompts: PROMPTS, steps: 2, seed: SEED };
  writeFileSync(config, JSON.stringify({ ...tiny, sampling }));
});
afterAll(() => rmSync(root, { recursive: true }));

describe("a run folder", () => {
  const run = at("told");
  let tail: EventTail;
  beforeAll(async () => {
    await pixartHere("train", config, "--work-dir", run, "--cfg-options", "stages.0.steps=3");
    tail = await tailOf(run);
  });

  it("tells what the run is made with, and its plan as a dry run has it", async () => {
    const [{ facts } = {}] = tail.eventsOf("run-start");
    expect(facts).toMatchObject({ device: "cpu", cwd: process.cwd(), threads: 1 });
    const [event] = tail.eventsOf("plan");
    const { stdout } = await pixartHere(
      ...["train", config, "--work-dir", at("dry"), "--dry-run", "--json"],
      ...["--cfg-options", "stages.0.steps=3"],
    );
    const { memory: _, disks: __, workDir: ___, ...dry } = JSON.parse(stdout);
    expect(event?.plan).toMatchObject(dry);
  });

  it("tells what is done before the first step, and the losses by band and the memory of steps", () => {
    const { steps } = tail.stage("captions");
    expect(steps.column("step")).toEqual(Float64Array.of(1, 2, 3));
    expect(steps.names.filter((name) => name.startsWith("loss/")).length).toBeGreaterThan(0);
    expect(steps.column("memory")[0]).toBeGreaterThan(50e6);
    const text = readFileSync(join(run, "events.jsonl"), "utf8");
    for (const what of ["encoding pictures", "encoding captions", "sampling", "saving"])
      expect(text).toContain(`"what":"${what}"`);
    expect(tail.activity).toBeUndefined();
  });

  it("is summarized from its events as they were followed as from the whole file", async () => {
    const followed = stageStates(readRunConfig(run), tail).map(({ kind: _, ...state }) => state);
    const { stages, begun, sheets } = await summarizeRun(run);
    expect(stages).toEqual(followed.map((state) => expect.objectContaining(state)));
    expect(tail.events[0]?.time).toBe(begun);
    expect(tail.eventsOf("sample").map(({ stage, step, file }) => ({ stage, step, file }))).toEqual(
      sheets,
    );
  });

  it("keeps what the run said", () => {
    const log = readFileSync(join(run, "log.txt"), "utf8");
    expect(log).toMatch(/^[\d-]+T[\d:.]+Z Plan: 1 stage, 3 steps in total$/m);
    expect(log).toContain(" Samples of step 3: ");
  });

  it("has each sample in full size, and the seed that draws it alone", async () => {
    const sample = tail.eventsOf("sample").at(-1);
    expect(sample?.pictures).toEqual(
      PROMPTS.map((prompt, i) => ({
        file: `samples/captions/00000003/${i}.png`,
        prompt,
        seed: SEED + i,
      })),
    );
    const [, , third] = sample?.pictures ?? [];
    if (third === undefined) throw new Error("Expected three pictures");
    const kept = await RgbImage.decode(join(run, third.file));
    const { stdout } = await pixartHere(
      ...["sample", run, third.prompt, "--seed", String(third.seed), "--steps", "2"],
      ...["--width=16", "--height=16", "--out", at("alone")],
    );
    const alone = await RgbImage.decode(stdout.trim());
    expect([alone.width, alone.height]).toEqual([kept.width, kept.height]);
    // Drawn alone and not among others: rounded differently here and there.
    for (const [i, value] of alone.data.entries())
      expect(Math.abs(value - (kept.data[i] ?? 0))).toBeLessThanOrEqual(1);
  });
});

describe("pixart sample of a run", () => {
  it("draws at the run's size, but from a picture at the picture's", async () => {
    const run = at("told");
    const wide = at("wide.png");
    await RgbImage.filled(32, 16, [200, 30, 30]).save(wide);
    let count = 0;
    const sizeWith = async (...args: readonly string[]): Promise<[number, number]> => {
      const out = at(`drawn-${count++}.png`);
      await pixartHere("sample", run, "a ball", "--steps", "2", ...args, "--out", out);
      const { width, height } = await RgbImage.decode(out);
      return [width, height];
    };
    expect(await sizeWith()).toEqual([16, 16]);
    expect(await sizeWith("--init-image", wide)).toEqual([32, 16]);
    expect(await sizeWith("--init-image", wide, "--width", "16")).toEqual([16, 16]);
  });
});

describe("a request in the control folder", () => {
  it("saves, draws and stops a run that goes on, each once", async () => {
    const run = at("asked");
    const options = ["stages.0.checkpointEvery=1000000"];
    const child = startRun({ configFile: config, run, steps: 1_000_000, options }, "pipe");
    child.stderr?.resume();
    const closed = once(child, "close");
    await hasMade(child, run, 3);
    const ask = async (what: Control): Promise<void> => {
      requestControl(run, what);
      while (existsSync(join(run, "control", what)) && child.exitCode === null)
        await hasMade(child, run, 1);
      await hasMade(child, run, 3);
    };
    await ask("save");
    await ask("sample");
    requestControl(run, "stop");
    const [code] = await closed;
    expect(code).toBe(75);
    const tail = await tailOf(run);
    expect(tail.eventsOf("run-end")).toMatchObject([
      { reason: "stopped", message: "control/stop" },
    ]);
    const [saved, atEnd, ...others] = tail.eventsOf("checkpoint");
    expect(others).toEqual([]);
    expect(atEnd?.step).toBe(tail.stage("captions").steps.column("step").at(-1));
    expect(saved?.step).toBeLessThan(tail.eventsOf("sample").at(-1)?.step ?? 0);
    expect(tail.eventsOf("sample").map(({ step }) => step)).toHaveLength(2);

    // What nobody took is gone before the run goes on: it would stop at once.
    requestControl(run, "stop");
    const steps = (atEnd?.step ?? 0) + 5;
    await pixartHere(
      "train",
      config,
      "--work-dir",
      run,
      "--resume",
      "--cfg-options",
      `stages.0.steps=${steps}`,
    );
    expect(readdirSync(join(run, "control"))).toEqual([]);
    expect((await tailOf(run)).eventsOf("run-end")).toMatchObject([{ reason: "finished" }]);
    expect((await tailOf(run)).eventsOf("resume")).toMatchObject([{ facts: { device: "cpu" } }]);
  });
});
