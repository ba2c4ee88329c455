import {
  cpSync,
  existsSync,
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
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import { readEvents } from "../../src/training/run-folder/event-log.ts";
import { checkpointsOf, finalFiles, losses, writeTinyRun } from "../fixtures/tiny-run.ts";
import { type CommandOutput, pixartHere } from "./in-process.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-changed-run-"));
const at = (name: string): string => join(root, name);
let configFile = "";
const train = (run: string, ...args: readonly string[]): Promise<CommandOutput> =>
  pixartHere("train", configFile, "--work-dir", at(run), ...args);
const resume = (run: string, ...options: readonly string[]): Promise<CommandOutput> =>
  train(run, "--resume", ...(options.length > 0 ? ["--cfg-options", ...options] : []));
const configOf = (run: string): { stages: { steps: number; [field: string]: unknown }[] } =>
  JSON.parse(readFileSync(join(at(run), "config.json"), "utf8"));

beforeAll(async () => {
  configFile = await writeTinyRun(root);
  await train("run", "--cfg-options", "stages.0.steps=6");
});
afterAll(() => rmSync(root, { recursive: true }));

describe("a run that is complete", () => {
  it("says how it is trained on, and that nothing changed, also where it began with options", async () => {
    const { stderr } = await resume("run");
    expect(stderr).toContain(
      `All stages of ${at("run")} are already complete. To train further: npx pixart train ${configFile} --work-dir ${at("run")} --resume --cfg-options stages.0.steps=12\n`,
    );
    expect(stderr).not.toMatch(/changed (since|from)/i);
    expect((await resume("run", "stages.0.steps=6")).stderr).not.toContain("Changed");
  });

  it("is planned from where it stands, without a word on disk", async () => {
    const before = readFileSync(join(at("run"), "config.json"), "utf8");
    const files = readdirSync(at("run"), { recursive: true }).length;
    const { stderr } = await train(
      ...["run", "--resume", "--dry-run", "--cfg-options", "stages.0.steps=12"],
    );
    expect(stderr).toContain("Changed from here on: stages.0.steps 6 -> 12\n");
    expect(stderr).toContain("Plan: 1 stage, 12 steps in total, from step 6 of 12\n");
    expect(readFileSync(join(at("run"), "config.json"), "utf8")).toBe(before);
    expect(readdirSync(at("run"), { recursive: true })).toHaveLength(files);
    await expect(
      train("run", "--resume", "--dry-run", "--cfg-options", "stages.0.batchSize=3"),
    ).rejects.toThrow("for stages.0.batchSize but received 3");
  });

  it("is lengthened, to the weights and losses of one that was as long from the start", async () => {
    await train("straight", "--cfg-options", "stages.0.steps=12");
    const { stderr } = await resume("run", "stages.0.steps=12", 'sampling.prompts=["a ring"]');
    expect(stderr).toContain(
      'Changed from here on: stages.0.steps 6 -> 12; sampling.prompts ["a ball"] -> ["a ring"]\n',
    );
    expect(finalFiles(at("run"), 12)).toEqual(finalFiles(at("straight"), 12));
    expect(losses(at("run"))).toEqual(losses(at("straight")));
    expect(configOf("run").stages[0]?.steps).toBe(12);
    const events = readEvents(join(at("run"), "events.jsonl"));
    expect(events.find((event) => event.type === "resume")).toMatchObject({
      stage: "captions",
      step: 6,
      changes: [
        { place: "stages.0.steps", from: 6, to: 12 },
        { place: "sampling.prompts", from: ["a ball"], to: ["a ring"] },
      ],
    });
    const { stdout } = await pixartHere("runs", "list", root);
    expect(stdout).toMatch(/\/run +finished +captions +12\/12 /);
    expect(existsSync(join(at("run"), "samples", "captions-00000012.png"))).toBe(true);
  });

  it("is lengthened by epochs, and says what becomes of its rate", async () => {
    await train(
      ...["cosine", "--cfg-options", "stages.0.steps=4", 'stages.0.schedule={"type":"cosine"}'],
    );
    const { stderr } = await resume("cosine", "stages.0.steps.epochs=1");
    expect(stderr).toContain("Changed from here on: stages.0.steps 4 -> 8\n");
    expect(stderr).toContain(
      'The learning rate of stage "captions" follows its cosine schedule over 8 steps from here on: 0.0005 in step 5, after 0.00015 in step 4\n',
    );
    const rates = readEvents(join(at("cosine"), "events.jsonl")).flatMap((event) =>
      event.type === "step" ? event.lr : [],
    );
    expect(rates[4]).toBeCloseTo(0.5e-3, 12);
  });

  it("refuses what cannot change, all of it, and stays as it is", async () => {
    const before = readFileSync(join(at("run"), "config.json"), "utf8");
    const events = readFileSync(join(at("run"), "events.jsonl"), "utf8");
    await expect(resume("run", "seed=1", "stages.0.ema=null", "stages.0.steps=5")).rejects.toThrow(
      /config\.json: \d mistakes\n {2}Expected 0, which this run started with and which only a new run can change, for seed but received 1\.\n(.*\n)* {2}Expected at least the 12 steps that stage "captions" has done for stages\.0\.steps but received 5\.$/,
    );
    await expect(resume("run", "stages.0.stepz=5")).rejects.toThrow("Did you mean stages.0.steps?");
    expect(readFileSync(join(at("run"), "config.json"), "utf8")).toBe(before);
    expect(readFileSync(join(at("run"), "events.jsonl"), "utf8")).toBe(events);
  });

  it("takes --amp over", async () => {
    const { stderr } = await train("cosine", "--resume", "--amp", "--dry-run");
    expect(stderr).toContain('Changed from here on: stages.0.precision "float32" -> "bfloat16"\n');
  });
});

describe("a run whose recipe was changed", () => {
  it("says what, and goes on with its own", async () => {
    const text = readFileSync(configFile, "utf8");
    writeFileSync(configFile, text.replace('"batchSize":2', '"batchSize":3'));
    const { stderr } = await resume("run");
    writeFileSync(configFile, text);
    expect(stderr).toContain(
      `${configFile} has changed since this run started (stages.0.batchSize 2 -> 3), which is ignored: the run continues with its own config, ${join(at("run"), "config.json")}. Give changes with --cfg-options\n`,
    );
  });
});

describe("a run of an earlier release, whose warm-up is longer than it", () => {
  const old = at("old");
  beforeAll(async () => {
    await train("old", "--cfg-options", "stages.0.steps=3");
    const config = configOf("old");
    const [stage] = config.stages;
    writeFileSync(
      join(old, "config.json"),
      JSON.stringify({
        ...config,
        stages: [{ ...stage, schedule: { type: "constant", warmupSteps: 20 } }],
      }),
    );
  });

  it("is listed, compared, drawn from, published and resumed", async () => {
    expect((await pixartHere("runs", "list", root)).stdout).toMatch(
      /\/old +finished +captions +3\/3 /,
    );
    expect((await pixartHere("runs", "compare", old, at("run"))).stdout).toContain("3/3");
    expect((await pixartHere("runs", "worst", old)).stdout).toContain('Stage "captions"');
    const drawn = await pixartHere(
      ...["sample", old, "a ball", "--steps", "1", "--out", at("drawn")],
    );
    expect(drawn.stdout).toContain("a-ball-0.png");
    await pixartHere("publish", old, at("published"));
    expect(existsSync(join(at("published"), "model_index.json"))).toBe(true);
    expect((await resume("old")).stderr).toContain("already complete");
    await expect(resume("old", "stages.0.steps=5")).rejects.toThrow(
      "Expected at most the stage's 5 steps for stages.0.schedule.warmupSteps but received 20.",
    );
    await resume("old", "stages.0.steps=5", "stages.0.schedule.warmupSteps=1");
    expect(configOf("old").stages[0]?.steps).toBe(5);
  });
});

describe("the package's small recipe on a dozen pictures of one's own", () => {
  const pictures = at("my-pictures");
  const recipe = fileURLToPath(
    new URL("../../configs/pixart_alpha_64_emoji_blip.ts", import.meta.url),
  );
  beforeAll(async () => {
    mkdirSync(pictures);
    for (let i = 0; i < 12; i++) {
      const [width, height] = [300 + 10 * i, 300 + 7 * ((5 * i) % 12)];
      const data = Uint8Array.from({ length: width * height * 3 }, (_, k) => (k * (i + 3)) % 251);
      await new RgbImage(width, height, data).save(join(pictures, `${i}.png`));
      writeFileSync(join(pictures, `${i}.txt`), `number ${i}, in my style\n`);
    }
  });

  it("trains, warns of its few steps, and is a run like any other", async () => {
    const run = at("naive");
    // The rest is for speed alone.
    const options = [`dataset.folder=${pictures}`, "sampling.steps=1", "sampling.prompts=[a fox]"];
    const given = ["train", recipe, "--work-dir", run];
    const { stderr } = await pixartHere(...given, "--cfg-options", ...options);
    expect(stderr).toContain(
      'Warning: The warm-up of stage "finetune" is shortened from 20 steps to 1, because its epochs make only 3 steps\n',
    );
    expect(stderr).toContain(
      'Warning: 3 steps of 16 pictures are too few for stage "finetune" to learn much; for 12 pictures try --cfg-options stages.0.batchSize=4 stages.0.steps=100 stages.0.schedule.warmupSteps=10\n',
    );
    expect((await pixartHere("runs", "list", root)).stdout).toMatch(
      /\/naive +finished +finetune +3\/3 /,
    );
    await pixartHere("publish", run, at("naive-published"));
    const drawn = await pixartHere(
      ...["sample", run, "a fox", "--steps", "1", "--out", at("naive-drawn")],
    );
    expect(drawn.stdout).toContain("a-fox-0.png");
    const again = await pixartHere(...given, "--resume");
    expect(again.stderr).toContain("already complete");
    expect(again.stderr).not.toContain("changed since");
  });
});

describe("pixart runs list", () => {
  it("tells of a run that it cannot read, beside the others", async () => {
    const runs = at("some");
    const text = readFileSync(join(at("run"), "config.json"), "utf8");
    cpSync(at("run"), join(runs, "good"), { recursive: true });
    cpSync(join(runs, "good"), join(runs, "half"), { recursive: true });
    writeFileSync(join(runs, "half", "config.json"), text.slice(0, 40));
    cpSync(join(runs, "good"), join(runs, "typo"), { recursive: true });
    writeFileSync(
      join(runs, "typo", "config.json"),
      text.replace('"seed": 0', '"sead": 0, "x": 1'),
    );
    cpSync(join(runs, "good"), join(runs, "log"), { recursive: true });
    writeFileSync(join(runs, "log", "events.jsonl"), "no event\n");
    cpSync(join(runs, "good"), join(runs, "none"), { recursive: true });
    rmSync(join(runs, "none", "config.json"));
    const { stdout } = await pixartHere("runs", "list", runs);
    const [, good, ...others] = stdout.trimEnd().split("\n");
    expect(good).toMatch(/\/good +finished /);
    expect(others.sort()).toEqual([
      expect.stringMatching(/\/half +unreadable: .*half\/config\.json: Expected JSON but found: /),
      expect.stringMatching(/\/log +unreadable: .*log\/events\.jsonl: line 1: expected an event /),
      expect.stringMatching(
        /\/none +unreadable: .*none is not a run folder: it has no config\.json/,
      ),
      expect.stringMatching(
        /\/typo +unreadable: .*typo\/config\.json: 2 mistakes; Unknown key sead\. .*; Unknown key x\./,
      ),
    ]);
    const json = JSON.parse((await pixartHere("runs", "list", runs, "--json")).stdout);
    expect(json).toHaveLength(5);
    expect(json.filter(({ state }: { state: string }) => state === "unreadable")).toHaveLength(4);
  });

  it("takes neither a model nor a plain folder for a run", async () => {
    const model = fileURLToPath(new URL("../../models/emoji-demo/transformer", import.meta.url));
    await expect(pixartHere("runs", "worst", model)).rejects.toThrow(
      `${model} is not a run folder: its config.json is not the config of a run`,
    );
    await expect(pixartHere("runs", "compare", at("run"), at("nowhere"))).rejects.toThrow(
      `${at("nowhere")} is not a run folder: there is no such folder`,
    );
    await expect(pixartHere("runs", "list", configFile)).rejects.toThrow(
      `Expected a folder of runs for FOLDER but received the file ${configFile}`,
    );
  });
});

describe("a stage that was left after its last step", () => {
  it("draws its last sheet when the run is resumed", async () => {
    const run = at("straight");
    const events = join(run, "events.jsonl");
    const lines = readFileSync(events, "utf8").split("\n");
    const end = lines.findIndex(
      (line) => line.includes('"checkpoint"') && line.includes('"step":12'),
    );
    writeFileSync(events, `${lines.slice(0, end + 1).join("\n")}\n`);
    const sheet = join(run, "samples", "captions-00000012.png");
    const before = readFileSync(sheet);
    rmSync(sheet);
    const files = finalFiles(run, 12);
    const { stderr } = await resume("straight");
    expect(stderr).toContain('Continuing with stage "captions" after step 12\n');
    expect(readFileSync(sheet).equals(before)).toBe(true);
    expect(finalFiles(run, 12)).toEqual(files);
    expect(readdirSync(checkpointsOf(run)).filter((name) => name.includes("12"))).toHaveLength(1);
    expect((await resume("straight")).stderr).toContain("already complete");
  });
});
