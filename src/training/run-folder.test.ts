import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { configFromJson } from "../config/index.ts";
import { readEvents } from "./event-log.ts";
import { EVENTS_FILE, RunFolder } from "./run-folder.ts";

const config = configFromJson(
  JSON.stringify({
    dataset: { folder: "data" },
    transformer: { numLayers: 1, numAttentionHeads: 2, attentionHeadDim: 8 },
    stages: [
      {
        kind: "autoencoder",
        name: "a",
        resolution: 32,
        batchSize: 4,
        steps: 10,
        optimizer: { lr: 1e-3 },
      },
    ],
    sampling: { prompts: ["a fox"] },
  }),
  "configs/fox.ts",
);
const command = "pixart train configs/fox.ts --work-dir fox --resume";

let parent: string;
let path: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "pixart-run-"));
  path = join(parent, "work_dirs", "fox");
});
afterEach(() => rmSync(parent, { recursive: true }));

describe("RunFolder.create", () => {
  it("lays out a new run", () => {
    using run = RunFolder.create(path, config, command);
    expect(readdirSync(path).sort()).toEqual([
      "README.md",
      "checkpoints",
      "config.json",
      EVENTS_FILE,
      "run.lock",
      "samples",
      "tensorboard",
    ]);
    expect(run).toMatchObject({
      path,
      config,
      samples: join(path, "samples"),
      checkpoints: join(path, "checkpoints"),
      tensorboard: join(path, "tensorboard"),
    });
  });

  it("tells in the README how to go on", () => {
    using _ = RunFolder.create(path, config, command);
    const readme = readFileSync(join(path, "README.md"), "utf8");
    expect(readme).toContain(`# fox\n`);
    expect(readme).toContain(`\n\`\`\`sh\n${command}\n\`\`\`\n`);
    expect(readme).toContain(`\`${process.cwd()}\``);
    for (const name of readdirSync(path)) if (name !== "README.md") expect(readme).toContain(name);
  });

  it("takes an empty folder", () => {
    mkdirSync(path, { recursive: true });
    RunFolder.create(path, config, command)[Symbol.dispose]();
    expect(readdirSync(path)).not.toContain("run.lock");
  });

  it("never touches an old run", () => {
    {
      using run = RunFolder.create(path, config, command);
      run.append({ type: "run-start", name: "fox" });
    }
    const before = readFileSync(join(path, EVENTS_FILE));
    expect(() => RunFolder.create(path, { ...config, seed: 9 }, command)).toThrow(
      `Expected a new or empty folder for the run but received ${path}, which holds a run. To go on with that run: ${command}\nTo begin another one, choose another folder with --work-dir.`,
    );
    expect(readFileSync(join(path, EVENTS_FILE))).toEqual(before);
    expect(RunFolder.open(path).config).toEqual(config);
  });

  it("never touches other files", () => {
    mkdirSync(path, { recursive: true });
    for (const name of ["a", "b", "c", "d"]) writeFileSync(join(path, name), name);
    expect(() => RunFolder.create(path, config, command)).toThrow(
      `Expected a new or empty folder for the run but received ${path}, which holds a, b, c. Choose another folder with --work-dir.`,
    );
    expect(readdirSync(path)).toEqual(["a", "b", "c", "d"]);
  });
});

describe("RunFolder.open", () => {
  it("goes on with the config and the events", () => {
    {
      using run = RunFolder.create(path, config, command);
      run.append({ type: "run-start", name: "fox" });
    }
    writeFileSync(join(path, EVENTS_FILE), `${readFileSync(join(path, EVENTS_FILE))}{"type":"st`);
    {
      using run = RunFolder.open(path);
      expect(run.config).toEqual(config);
      run.append({ type: "resume", stage: "a", step: 0 });
    }
    expect(readEvents(join(path, EVENTS_FILE)).map(({ type }) => type)).toEqual([
      "run-start",
      "resume",
    ]);
  });

  it("is refused while the run is written", () => {
    using _ = RunFolder.create(path, config, command);
    expect(() => RunFolder.open(path)).toThrow(
      `The run in ${path} is being written by process ${process.pid}`,
    );
    expect(() => RunFolder.create(path, config, command)).toThrow("which holds a run");
  });

  it("is refused where there is no run", () => {
    expect(() => RunFolder.open(path)).toThrow(
      `${path} is not a run folder: there is no such folder`,
    );
  });

  it("lets go of the folder where its config is damaged", () => {
    RunFolder.create(path, config, command)[Symbol.dispose]();
    writeFileSync(join(path, "config.json"), "{");
    expect(() => RunFolder.open(path)).toThrow(
      `${join(path, "config.json")}: Expected JSON but found`,
    );
    expect(readdirSync(path)).not.toContain("run.lock");
  });
});
