import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configOf, loadRecipe } from "../../src/config/load-config.ts";
import { formatManifest, parseManifest } from "../../src/training/contract/checkpoint-manifest.ts";
import { readEvents } from "../../src/training/run-folder/event-log.ts";
import { readPictureLosses } from "../../src/training/run-folder/picture-losses-file.ts";
import { train } from "../../src/training/train.ts";
import { checkpointsOf, finalFiles, losses, writeTinyRun } from "../fixtures/tiny-run.ts";
import { pixartHere } from "./in-process.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-knows-"));
const data = join(root, "data");
const kept = join(root, "data-as-it-was");
const table = join(data, "metadata.jsonl");
let configFile = "";
let made = 0;
afterAll(() => rmSync(root, { recursive: true }));

const STEPS = 10;
const trainHere = (run: string, ...args: readonly string[]): Promise<{ readonly stderr: string }> =>
  pixartHere("train", configFile, "--work-dir", run, ...args);
const resume = (run: string, ...args: readonly string[]): Promise<{ readonly stderr: string }> =>
  trainHere(run, "--resume", ...args, "--cfg-options", `stages.0.steps=${STEPS + 2}`);
const manifestOf = (run: string, step = STEPS): string =>
  join(checkpointsOf(run), `step-${String(step).padStart(8, "0")}`, "manifest.json");

beforeAll(async () => {
  configFile = await writeTinyRun(root);
  cpSync(data, kept, { recursive: true, preserveTimestamps: true });
  await trainHere(join(root, "run"), "--cfg-options", `stages.0.steps=${STEPS}`);
});

/** A copy of the run, whose data is as it was. */
function copyOfRun(): string {
  rmSync(data, { recursive: true });
  cpSync(kept, data, { recursive: true });
  const run = join(root, `copy-${made++}`);
  cpSync(join(root, "run"), run, { recursive: true });
  return run;
}

const edit = (from: string, to: string): void =>
  writeFileSync(table, readFileSync(table, "utf8").replaceAll(from, to));
const changes: readonly (readonly [what: string, change: () => void, named: string])[] = [
  [
    "a caption was edited",
    () => edit("a ball, blue style", "a blue ball"),
    "1 edited (ball-blue.png: its caption, class or split)",
  ],
  [
    "a picture was replaced under its name",
    () => cpSync(join(data, "dot-red.png"), join(data, "ball-blue.png")),
    "1 edited (ball-blue.png: the picture)",
  ],
  [
    "a picture was renamed",
    () => {
      renameSync(join(data, "ball-blue.png"), join(data, "zz.png"));
      edit("ball-blue.png", "zz.png");
    },
    "1 renamed (ball-blue.png to zz.png)",
  ],
  [
    "a picture was removed",
    () => {
      rmSync(join(data, "dot-blue.png"));
      const lines = readFileSync(table, "utf8").split("\n");
      writeFileSync(table, lines.filter((line) => !line.includes("dot-blue.png")).join("\n"));
    },
    "1 removed (dot-blue.png)",
  ],
  [
    "a picture was added",
    () => {
      cpSync(join(data, "ball-red.png"), join(data, "a-new.png"));
      appendFileSync(table, '{"file_name":"a-new.png","text":"a new one","split":"train"}\n');
    },
    "1 added (a-new.png)",
  ],
  [
    "a picture was held out",
    () => edit('style":"green","split":"train"', 'style":"green","split":"heldout"'),
    "6 edited (ball-green.png: its caption, class or split; box-green.png: its caption, class or split; cross-green.png: its caption, class or split; …)",
  ],
];

describe("a run whose data changed while it was stopped", () => {
  it.each(changes)(
    "is not resumed where %s, and goes on where that is accepted",
    async (_, change, named) => {
      const run = copyOfRun();
      change();
      const refused = `The data set ${data} is not what the run was trained on until step ${STEPS} of stage "captions": ${named}. Put it back, or accept it as it is with --accept-changed-data`;
      await expect(resume(run)).rejects.toThrow(refused);
      await expect(resume(run, "--dry-run")).rejects.toThrow(refused);
      expect(readdirSync(checkpointsOf(run))).toContain("step-00000010");
      const { stderr } = await resume(run, "--accept-changed-data");
      expect(stderr).toContain(`${named}. From here on the run learns from it as it is`);
      const warned = readEvents(join(run, "events.jsonl")).filter(({ type }) => type === "warning");
      expect(warned).toHaveLength(1);
      // From here on this is the run's data.
      const { stderr: again } = await resume(run);
      expect(again).toContain("are already complete");
    },
  );

  it("is resumed where it says that its data grows, and pictures were only added", async () => {
    const run = copyOfRun();
    const grows = "dataset.grows=true";
    changes[4]?.[1]();
    await expect(resume(run)).rejects.toThrow(
      "or let it grow with --cfg-options dataset.grows=true",
    );
    const { stderr } = await resume(run, "--cfg-options", grows);
    expect(stderr).toContain("1 added (a-new.png)");
    const other = copyOfRun();
    changes[0]?.[1]();
    await expect(resume(other, "--cfg-options", grows)).rejects.toThrow("--accept-changed-data");
  });

  it("is resumed bit for bit where times alone are others, as after a copy", async () => {
    const straight = join(root, "straight");
    const run = copyOfRun();
    await trainHere(straight, "--cfg-options", `stages.0.steps=${STEPS + 2}`);
    for (const name of readdirSync(data)) utimesSync(join(data, name), 1, 1);
    const { stderr } = await resume(run);
    expect(stderr).not.toContain("The data set");
    expect(finalFiles(run, STEPS + 2)).toEqual(finalFiles(straight, STEPS + 2));
    expect(losses(run)).toEqual(losses(straight));
  });

  it("keeps each picture's losses by its name", async () => {
    const run = copyOfRun();
    const before = (await readPictureLosses(run, "captions"))?.pictures ?? [];
    // zz.png comes last where ball-blue.png came first: places would shift by one.
    changes[2]?.[1]();
    await resume(run, "--accept-changed-data");
    const kept = await readPictureLosses(run, "captions");
    const after = new Map(kept?.pictures.map((one) => [one.picture, one]));
    for (const { picture, seen } of before) {
      const now = after.get(picture === "ball-blue.png" ? "zz.png" : picture)?.seen ?? 0;
      expect(now - seen).toBeGreaterThanOrEqual(0);
      expect(now - seen).toBeLessThanOrEqual(1);
    }
    expect(after.has("ball-blue.png")).toBe(false);
  });

  it("says what is not known where its record is gone", async () => {
    const run = copyOfRun();
    rmSync(join(run, "data"), { recursive: true });
    changes[0]?.[1]();
    await expect(resume(run)).rejects.toThrow(
      /what changed is not known, since .*jsonl is missing/,
    );
    const same = copyOfRun();
    rmSync(join(same, "data"), { recursive: true });
    await resume(same);
  });
});

describe("a run that goes on from a checkpoint", () => {
  it("refuses one that another run saved, and takes it where that is accepted", async () => {
    const other = join(root, "other");
    const run = copyOfRun();
    await trainHere(other, "--cfg-options", "stages.0.steps=11", "seed=5");
    const copied = join(checkpointsOf(run), "step-00000011");
    cpSync(join(checkpointsOf(other), "step-00000011"), copied, { recursive: true });
    const ids = [run, other].map(
      (each) => JSON.parse(readFileSync(join(each, "run.json"), "utf8")).id,
    );
    expect(new Set(ids).size).toBe(2);
    const refused = `${copied}: run: expected a checkpoint of this run, ${ids[0]}, but found one that the run ${ids[1]} saved; move it away, or continue from it with --accept-other-run`;
    await expect(resume(run)).rejects.toThrow(refused);
    await expect(resume(run, "--dry-run")).rejects.toThrow(refused);
    const { stderr } = await resume(run, "--accept-other-run");
    expect(stderr).toContain(`${copied} was saved by another run (${ids[1]})`);
  });

  it("takes one of an earlier release, and says what that does not tell", async () => {
    const run = copyOfRun();
    const { run: _, ...old } = parseManifest("", readFileSync(manifestOf(run), "utf8"));
    writeFileSync(manifestOf(run), formatManifest(old));
    for (const name of ["run.json", "data"]) rmSync(join(run, name), { recursive: true });
    changes[0]?.[1]();
    const { stderr } = await resume(run);
    expect(
      stderr.split("is from an earlier version of this package, which recorded nothing about"),
    ).toHaveLength(2);
    expect(parseManifest("", readFileSync(manifestOf(run, STEPS + 2), "utf8")).run?.id).toBe(
      JSON.parse(readFileSync(join(run, "run.json"), "utf8")).id,
    );
  });

  it("takes the identity of its checkpoint where its own is gone, and refuses a damaged one", async () => {
    const run = copyOfRun();
    const file = join(run, "run.json");
    const before = readFileSync(file, "utf8");
    writeFileSync(file, "{");
    await expect(resume(run)).rejects.toThrow(
      `${file}: id: expected the identity of the run but found "{"; delete it: the run then takes the identity of its newest checkpoint`,
    );
    rmSync(file);
    await resume(run);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ id: JSON.parse(before).id });
  });

  it("names what was changed in its config by hand since", async () => {
    const run = copyOfRun();
    const file = join(run, "config.json");
    const text = readFileSync(file, "utf8");
    writeFileSync(
      file,
      text.replace('"lr": 0.001', '"lr": 0.002').replace('"seed": 0', '"seed": 3'),
    );
    const { stderr } = await resume(run);
    expect(stderr).toContain(
      `Warning: ${file} was changed by hand after step ${STEPS} of stage "captions": seed 0 -> 3; stages.0.optimizer.lr 0.001 -> 0.002. Earlier steps stay as they are`,
    );
  });

  it("refuses a stage that was renamed, which would begin at step 0", async () => {
    const run = copyOfRun();
    const file = join(run, "config.json");
    writeFileSync(
      file,
      readFileSync(file, "utf8").replace('"name": "captions"', '"name": "words"'),
    );
    const refused = `${checkpointsOf(run)}: stage: expected one of the stages that config.json names, words, but found checkpoints of a stage "captions"; restore the stage's name in config.json, or move the folder away`;
    await expect(resume(run)).rejects.toThrow(refused);
    await expect(resume(run, "--dry-run")).rejects.toThrow(refused);
  });

  it("tells once of a damaged one, and keeps that in its events", async () => {
    const run = copyOfRun();
    await resume(run);
    writeFileSync(join(checkpointsOf(run), "step-00000012", "ema.safetensors"), "damaged");
    const { stderr } = await resume(run);
    expect(stderr.split("Skipped a damaged checkpoint")).toHaveLength(2);
    const warned = readEvents(join(run, "events.jsonl")).filter(({ type }) => type === "warning");
    expect(warned).toMatchObject([{ message: expect.stringContaining("ema.safetensors: length") }]);
  });

  it("keeps in its events what is warned of while it trains", async () => {
    const workDir = join(root, "warned");
    const config = configOf(await loadRecipe(configFile), ["stages.0.steps=2"]);
    await train(
      { ...config, workDir },
      {
        resume: false,
        resumeCommand: "",
        say: () => {},
        onStep: ({ step }) => {
          if (step === 1) process.emitWarning("a slip in a model's file");
        },
      },
    );
    const warned = readEvents(join(workDir, "events.jsonl")).filter(
      ({ type }) => type === "warning",
    );
    expect(warned).toMatchObject([{ stage: "captions", message: "a slip in a model's file" }]);
  });

  it("says of another optimizer that it takes another run, and nothing of that one's fields", async () => {
    const run = copyOfRun();
    await expect(resume(run, "--cfg-options", "stages.0.optimizer.type=lion")).rejects.toThrow(
      `${join(run, "config.json")}: Expected "adamw", which this run started with and which only a new run can change, for stages.0.optimizer.type but received "lion".`,
    );
  });
});
