import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { configFromJson } from "../../config/index.ts";
import { ownIdentity } from "../../files/locks/process-identity.ts";
import { readEvents } from "./event-log.ts";
import { EVENTS_FILE, RunFolder } from "./run-folder.ts";
import { lossOf } from "./run-lost.ts";
import { RunLostError } from "./run-lost-error.ts";

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
  it("lays out a new run", async () => {
    using run = await RunFolder.create(path, config, command);
    expect(readdirSync(path).sort()).toEqual([
      "README.md",
      "checkpoints",
      "config.json",
      EVENTS_FILE,
      "run.json",
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

  it("tells in the README how to go on", async () => {
    using _ = await RunFolder.create(path, config, command);
    const readme = readFileSync(join(path, "README.md"), "utf8");
    expect(readme).toContain(`# fox\n`);
    expect(readme).toContain(`\n\`\`\`sh\n${command}\n\`\`\`\n`);
    expect(readme).toContain(`\`${process.cwd()}\``);
    for (const name of readdirSync(path)) if (name !== "README.md") expect(readme).toContain(name);
  });

  it("takes an empty folder", async () => {
    mkdirSync(path, { recursive: true });
    (await RunFolder.create(path, config, command))[Symbol.dispose]();
    expect(readdirSync(path)).not.toContain("run.lock");
  });

  it("never touches an old run", async () => {
    {
      using run = await RunFolder.create(path, config, command);
      run.append({ type: "run-start", name: "fox" });
    }
    const before = readFileSync(join(path, EVENTS_FILE));
    await expect(RunFolder.create(path, { ...config, seed: 9 }, command)).rejects.toThrow(
      `Expected a new or empty folder for the run but received ${path}, which holds a run. To continue that run: ${command}\nTo start another, choose another folder with --work-dir.`,
    );
    expect(readFileSync(join(path, EVENTS_FILE))).toEqual(before);
    using again = await RunFolder.open(path);
    expect(again.config).toEqual(config);
  });

  it("never touches other files", async () => {
    mkdirSync(path, { recursive: true });
    for (const name of ["a", "b", "c", "d"]) writeFileSync(join(path, name), name);
    await expect(RunFolder.create(path, config, command)).rejects.toThrow(
      `Expected a new or empty folder for the run but received ${path}, which holds a, b, c. Choose another folder with --work-dir.`,
    );
    expect(readdirSync(path)).toEqual(["a", "b", "c", "d"]);
  });
});

describe("a run folder that was begun and killed at once", () => {
  it.each([[".tmp-config.json-0123456789ab"], [".tmp-run.json-0123456789ab"], ["run.lock"]])(
    "can be begun again where it holds only %s",
    async (name) => {
      mkdirSync(path, { recursive: true });
      const holder = { pid: 2 ** 22 + 1, since: "then", id: "1" };
      writeFileSync(join(path, name), JSON.stringify({ ...ownIdentity(), ...holder }));
      RunFolder.requireNew(path, command);
      await expect(RunFolder.open(path)).rejects.toThrow(
        `${path} is not a run folder: it has no config.json`,
      );
      using run = await RunFolder.create(path, config, command);
      expect(run.config).toEqual(config);
      expect(readdirSync(path).filter((each) => each === name)).toEqual(
        name === "run.lock" ? [name] : [],
      );
    },
  );

  it.each(["config.json.1", "README.md.12", "config.json.old", "config.json-0123456789ab"])(
    "is refused where it holds %s, which no process left",
    async (name) => {
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, name), "mine");
      await expect(RunFolder.create(path, config, command)).rejects.toThrow(`which holds ${name}`);
      expect(readdirSync(path)).toEqual([name]);
    },
  );
});

describe("a run folder that is written", () => {
  const event = { type: "resume", stage: "a", step: 0 } as const;

  it("is not written in another place, nor begun anew in its own, once it was moved", async () => {
    const moved = join(parent, "moved");
    {
      using run = await RunFolder.create(path, config, command);
      run.append({ type: "run-start", name: "fox" });
      renameSync(path, moved);
      expect(() => run.append(event)).toThrow(
        new RunLostError(`The run folder ${path} was moved to ${moved}`),
      );
      expect(() => run.changeConfig(config)).toThrow(RunLostError);
      run.appendLast({ type: "run-end", stage: "a", step: 0, reason: "failed", message: "moved" });
    }
    expect(existsSync(path)).toBe(false);
    expect(readEvents(join(moved, EVENTS_FILE)).map(({ type }) => type)).toEqual([
      "run-start",
      "run-end",
    ]);
    expect(readdirSync(moved)).not.toContain("run.lock"); // so that it goes on there at once
  });

  it("is lost where another folder stands in its place", async () => {
    using run = await RunFolder.create(path, config, command);
    renameSync(path, join(parent, "moved"));
    mkdirSync(path);
    expect(() => run.append(event)).toThrow("was moved to");
    expect(readdirSync(path)).toEqual([]);
  });

  it("is lost to those who follow it, too", async () => {
    using _held = await RunFolder.create(path, config, command);
    using run = RunFolder.follow(path);
    run.append(event);
    expect(readEvents(join(path, EVENTS_FILE))).toEqual([]);
    const moved = join(parent, "moved");
    renameSync(path, moved);
    expect(() => run.append(event)).toThrow(
      new RunLostError(`The run folder ${path} was moved to ${moved}`),
    );
    expect(run.place()).toBe(moved);
    const cause = new Error("ENOENT");
    expect(await lossOf(run, cause)).toMatchObject({
      message: `The run folder ${path} was moved to ${moved}; it has no checkpoint yet, so it starts over there with --work-dir ${moved} --resume`,
      cause,
    });
  });

  it("is lost where a file is what it was in, and where nothing can be read any more", async () => {
    using run = await RunFolder.create(path, config, command);
    const moved = join(parent, "moved");
    renameSync(dirname(path), moved);
    writeFileSync(dirname(path), "mine");
    rmSync(join(moved, "fox", "checkpoints"), { recursive: true });
    mkdirSync(join(moved, "fox", "checkpoints"));
    writeFileSync(join(moved, "fox", "checkpoints", "a"), "no folder");
    expect(await lossOf(run, undefined)).toMatchObject({
      message: `The run folder ${path} was moved to ${join(moved, "fox")}; nothing more is written`,
    });
  });

  it("is lost where it was removed", async () => {
    using run = await RunFolder.create(path, config, command);
    rmSync(path, { recursive: true });
    expect(() => run.append(event)).toThrow(`The run folder ${path} is no longer there`);
    expect(existsSync(path)).toBe(false);
  });

  it("is lost where another process has taken it over, which keeps its lock", async () => {
    const other = { ...ownIdentity(), pid: 7, host: "elsewhere", since: "now", id: "other" };
    const lock = join(path, "run.lock");
    {
      using run = await RunFolder.create(path, config, command);
      writeFileSync(lock, JSON.stringify(other));
      expect(() => run.append(event)).toThrow(
        `The run in ${path} was taken over by process 7 on elsewhere at now, after this one had shown no sign of life`,
      );
      rmSync(lock);
      expect(() => run.append(event)).toThrow(`The lock ${lock} is gone`);
      writeFileSync(lock, JSON.stringify(other));
    }
    expect(readFileSync(lock, "utf8")).toBe(JSON.stringify(other));
  });
});

describe("RunFolder.open", () => {
  it("goes on with the config and the events", async () => {
    {
      using run = await RunFolder.create(path, config, command);
      run.append({ type: "run-start", name: "fox" });
    }
    writeFileSync(join(path, EVENTS_FILE), `${readFileSync(join(path, EVENTS_FILE))}{"type":"st`);
    {
      using run = await RunFolder.open(path);
      expect(run.config).toEqual(config);
      run.append({ type: "resume", stage: "a", step: 0 });
    }
    expect(readEvents(join(path, EVENTS_FILE)).map(({ type }) => type)).toEqual([
      "run-start",
      "resume",
    ]);
  });

  it("is refused while the run is written", async () => {
    using _ = await RunFolder.create(path, config, command);
    await expect(RunFolder.open(path)).rejects.toThrow(
      `The run in ${path} is being written by process ${process.pid}`,
    );
    await expect(RunFolder.create(path, config, command)).rejects.toThrow("which holds a run");
  });

  it("is refused where there is no run", async () => {
    await expect(RunFolder.open(path)).rejects.toThrow(
      `${path} is not a run folder: there is no such folder`,
    );
  });

  it("lets go of the folder where its config is damaged", async () => {
    (await RunFolder.create(path, config, command))[Symbol.dispose]();
    writeFileSync(join(path, "config.json"), "{");
    await expect(RunFolder.open(path)).rejects.toThrow(
      `${join(path, "config.json")}: Expected JSON but found`,
    );
    expect(readdirSync(path)).not.toContain("run.lock");
  });
});
