import {
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
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { LazyTensor } from "../../weights/lazy-tensors.ts";
import {
  cleanLeftovers,
  listCheckpoints,
  stepName,
  verifyCheckpoint,
} from "./checkpoint-folder.ts";
import { type SaveOptions, saveCheckpointBytes } from "./checkpoint-save.ts";

const top = mkdtempSync(join(tmpdir(), "pixart-checkpoints-"));
afterAll(() => rmSync(top, { recursive: true }));

let root = "";
let counter = 0;
beforeEach(() => {
  root = join(top, `${counter++}`);
  mkdirSync(root);
});

type Options = SaveOptions<LazyTensor>;
const save = (step: number, more: Partial<Options> = {}): Promise<string> =>
  saveCheckpointBytes(root, {
    step,
    stage: "align",
    state: { step },
    groups: new Map([
      ["model", new Map([["w", { dtype: "uint8", shape: [1], bytes: () => Uint8Array.of(step) }]])],
    ]),
    keep: 3,
    ...more,
  });

describe("listCheckpoints", () => {
  it("sorts by step and takes only what bears a step's name", async () => {
    for (const name of [
      "step-00000010",
      "step-00000009",
      "step-123456789",
      ".tmp-step-00000001-0123456789ab",
      "step-1",
      "latest",
      "step-00000001x",
    ]) {
      mkdirSync(join(root, name));
    }
    expect((await listCheckpoints(root)).map(({ step }) => step)).toEqual([9, 10, 123_456_789]);
    expect(await listCheckpoints(join(root, "nothing"))).toEqual([]);
    expect(stepName(123)).toBe("step-00000123");
  });
});

describe("cleanLeftovers", () => {
  it("removes unfinished folders and files, puts back what was being replaced, and touches nothing else", async () => {
    await save(1);
    await save(2);
    mkdirSync(join(root, ".tmp-step-00000003-0123456789ab", "nested"), { recursive: true });
    writeFileSync(join(root, ".tmp-step-00000003-0123456789ab", "nested", "x"), "x");
    mkdirSync(join(root, ".trash-step-00000000-0123456789ab"));
    writeFileSync(join(root, ".tmp-latest-0123456789ab"), "step");
    mkdirSync(join(root, ".old-step-00000007-0123456789ab"));
    mkdirSync(join(root, ".old-step-00000002-0123456789ab"));
    mkdirSync(join(root, ".hidden"));
    expect((await cleanLeftovers(root)).sort()).toEqual([
      ".old-step-00000002-0123456789ab",
      ".old-step-00000007-0123456789ab",
      ".tmp-latest-0123456789ab",
      ".tmp-step-00000003-0123456789ab",
      ".trash-step-00000000-0123456789ab",
    ]);
    expect(readdirSync(root).sort()).toEqual([
      ".hidden",
      "latest",
      "step-00000001",
      "step-00000002",
      "step-00000007",
    ]);
    expect(await cleanLeftovers(root)).toEqual([]);
    expect(await cleanLeftovers(join(root, "nothing"))).toEqual([]);
  });
});

describe("saveCheckpointBytes", () => {
  it("writes manifest and files, and verifyCheckpoint gives them back", async () => {
    const path = await save(5);
    expect(path).toBe(join(root, "step-00000005"));
    expect(readdirSync(path).sort()).toEqual(["manifest.json", "model.safetensors"]);
    expect(await verifyCheckpoint(path)).toMatchObject({
      path,
      format: "pixart-checkpoint",
      version: 1,
      step: 5,
      stage: "align",
      state: { step: 5 },
    });
  });

  it.each([
    ["run", "run"],
    ["./run", "run/checkpoints/a"],
    ["run/", "run/checkpoints"],
    ["a//run", "a/run/checkpoints"],
    [".", "checkpoints"],
    [undefined, "x"],
    [undefined, "./x//y/"],
  ])("makes what is missing to the checkpoints, in %s at %s", async (within, checkpoints) => {
    const before = process.cwd();
    process.chdir(root);
    try {
      if (within !== undefined) mkdirSync(within, { recursive: true });
      root = checkpoints;
      const path = await save(1, within === undefined ? {} : { within });
      expect((await listCheckpoints(checkpoints))[0]?.path).toBe(path);
    } finally {
      process.chdir(before);
    }
  });

  it("keeps as many as it is told, the newest ones", async () => {
    for (const step of [1, 2, 3, 4, 5]) await save(step, { keep: 2 });
    expect((await listCheckpoints(root)).map(({ step }) => step)).toEqual([4, 5]);
  });

  it("deletes nothing once it may not write any more", async () => {
    for (const step of [1, 2, 3]) await save(step);
    let asked = 0;
    const huge: LazyTensor = { dtype: "uint8", shape: [2 ** 50], bytes: () => new Uint8Array() };
    const full = save(4, {
      groups: new Map([["model", new Map([["w", huge]])]]),
      whenFull: "prune",
      warn: () => {},
      mayWrite: () => {
        if (++asked > 1) throw new Error("taken over");
      },
    });
    await expect(full).rejects.toThrow("taken over");
    const pruning = save(4, {
      keep: 1,
      mayWrite: () => {
        if (readFileSync(join(root, "latest"), "utf8").includes("4")) throw new Error("taken over");
      },
    });
    await expect(pruning).rejects.toThrow("taken over");
    expect((await listCheckpoints(root)).map(({ step }) => step)).toEqual([1, 2, 3, 4]);
  });

  it("never deletes what it has just saved, though a later step lies there", async () => {
    await save(9);
    await save(5, { keep: 1 });
    expect((await listCheckpoints(root)).map(({ step }) => step)).toEqual([5]);
  });

  it.each([
    [{ step: -1 }, "Expected an integer of at least 0 for step but received -1"],
    [{ step: 1.5 }, "Expected an integer of at least 0 for step but received 1.5"],
    [{ keep: 0 }, "Expected an integer of at least 1 for keep but received 0"],
    [{ state: Number.NaN }, "Expected a JSON value for state but received NaN"],
    [
      { groups: new Map([["../x", new Map()]]) },
      "Expected lower-case letters, digits, . _ - for a group but received ../x",
    ],
  ] as [Partial<Options>, string][])(
    "refuses %o before it touches the disk",
    async (more, message) => {
      rmSync(root, { recursive: true });
      await expect(save(1, more)).rejects.toThrow(message);
      expect(existsSync(root)).toBe(false);
    },
  );

  it("refuses bytes that do not fit their shape, and leaves nothing behind", async () => {
    const w: LazyTensor = { dtype: "uint8", shape: [2], bytes: () => new Uint8Array() };
    await expect(save(1, { groups: new Map([["x", new Map([["w", w]])]]) })).rejects.toThrow(
      'Expected 2 bytes for "w", uint8 of shape [2], but received 0',
    );
    expect(readdirSync(root)).toEqual([]);
  });

  it("names what cannot be written where the disk refuses", async () => {
    const blocked = join(top, "file");
    writeFileSync(blocked, "");
    root = join(blocked, "checkpoints");
    await expect(save(1)).rejects.toThrow(
      `${blocked}: expected to make this folder but found a file of that name; choose another name`,
    );
  });
});
