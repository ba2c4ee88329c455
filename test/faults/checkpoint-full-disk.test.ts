import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { DiskFullError } from "../../src/files/write-error.ts";
import { newestCheckpoint } from "../../src/training/checkpoints/checkpoint-folder.ts";
import {
  forecastBytes,
  type SaveOptions,
  saveCheckpointBytes,
} from "../../src/training/checkpoints/checkpoint-save.ts";
import { requireDiskSpace } from "../../src/training/checkpoints/disk-space.ts";
import type { LazyTensor } from "../../src/weights/lazy-tensors.ts";

const temporary = mkdtempSync(join(tmpdir(), "pixart-full-"));
afterAll(() => rmSync(temporary, { recursive: true }));

const MEGABYTE = 2 ** 20;
let root = "";
let counter = 0;
let capacity = Number.POSITIVE_INFINITY;
const realStatfs = fs.statfs;

const usedBytes = (): number =>
  existsSync(root)
    ? readdirSync(root, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)
    : 0;

// A disk of `capacity` bytes that holds the checkpoints and nothing else.
beforeEach(() => {
  root = join(temporary, `${counter++}`);
  const statfs = async (): Promise<object> => ({ bavail: capacity - usedBytes(), bsize: 1 });
  Object.assign(fs, { statfs });
  syncBuiltinESMExports();
});
afterEach(() => {
  capacity = Number.POSITIVE_INFINITY;
  Object.assign(fs, { statfs: realStatfs });
  syncBuiltinESMExports();
});

const tensors = (step: number): Map<string, LazyTensor> =>
  new Map([
    ["w", { dtype: "uint8", shape: [MEGABYTE], bytes: () => new Uint8Array(MEGABYTE).fill(step) }],
  ]);

type Policy = Partial<Pick<SaveOptions<LazyTensor>, "whenFull" | "signal" | "keep" | "best">>;

const warnings: string[] = [];
const save = (step: number, policy: Policy = {}): Promise<string> =>
  saveCheckpointBytes(root, {
    step,
    stage: "align",
    state: null,
    groups: new Map([["model", tensors(step)]]),
    keep: 10,
    warn: (message) => warnings.push(message),
    ...policy,
  });
const steps = (): string[] => readdirSync(root).filter((name) => name.startsWith("step-"));

describe("a disk that is full before the save", () => {
  it("stops with path, need and free, and writes nothing", async () => {
    await save(1);
    capacity = usedBytes() + 1.5 * MEGABYTE;
    const error = await save(2).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DiskFullError);
    const { message, neededBytes, freeBytes } = error as DiskFullError;
    expect(message).toBe(
      `${join(root, "step-00000002")}: expected to find room for ${neededBytes} bytes and the 1048576 that a file system may add but found too little room; free some space, keep fewer checkpoints or write elsewhere (${freeBytes} bytes free)`,
    );
    expect(freeBytes).toBe(1.5 * MEGABYTE);
    expect(neededBytes).toBeGreaterThan(MEGABYTE);
    expect(readdirSync(root).sort()).toEqual(["latest", "step-00000001"]);
  });

  it("prunes the oldest, one by one, but never the newest", async () => {
    for (const step of [1, 2, 3]) await save(step);
    capacity = usedBytes() + 0.5 * MEGABYTE;
    await save(4, { whenFull: "prune" });
    expect(steps()).toEqual(["step-00000003", "step-00000004"]);
    expect(warnings).toContain(`Deleting ${join(root, "step-00000001")} to make room`);

    capacity = 0;
    await expect(save(5, { whenFull: "prune" })).rejects.toThrow(DiskFullError);
    expect(steps()).toEqual(["step-00000004"]);
    expect((await newestCheckpoint(root))?.step).toBe(4);
  });

  it("prunes none in favour of one with damaged bytes", async () => {
    for (const step of [1, 2]) await save(step);
    const damaged = join(root, "step-00000002", "model.safetensors");
    const bytes = readFileSync(damaged);
    writeFileSync(damaged, bytes.fill(9, bytes.length - 1));
    capacity = usedBytes() + 0.5 * MEGABYTE;
    warnings.length = 0;
    await expect(save(3, { whenFull: "prune" })).rejects.toThrow(DiskFullError);
    expect((await newestCheckpoint(root, () => {}))?.step).toBe(1);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^Nothing is deleted in favour of a damaged checkpoint: .*step-00000002\/model\.safetensors: sha256: expected/,
      ),
    ]);
  });

  it("prunes older ones, but not the best", async () => {
    for (const step of [1, 2, 3, 4]) await save(step, { best: 1 });
    capacity = usedBytes() + 0.5 * MEGABYTE;
    await save(5, { whenFull: "prune", best: 1 });
    expect(steps()).toEqual(["step-00000001", "step-00000004", "step-00000005"]);
    expect(readFileSync(join(root, "best"), "utf8")).toBe("step-00000001\n");

    capacity = 0;
    await expect(save(6, { whenFull: "prune", best: 1 })).rejects.toThrow(DiskFullError);
    expect(steps()).toEqual(["step-00000001", "step-00000005"]);
  });

  it("waits until there is room, and says so once", async () => {
    capacity = 0;
    warnings.length = 0;
    const saving = save(1, { whenFull: { waitMs: 5 } });
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(existsSync(root)).toBe(false);
    capacity = Number.POSITIVE_INFINITY;
    await saving;
    expect(steps()).toEqual(["step-00000001"]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/bytes free\); trying again every 0.005 s$/);
  });

  it("stops waiting when told to", async () => {
    capacity = 0;
    const abort = new AbortController();
    const saving = save(1, { whenFull: { waitMs: 60_000 }, signal: abort.signal });
    setTimeout(() => abort.abort(), 20);
    await expect(saving).rejects.toThrow("free some space");
  });
});

describe("the forecast", () => {
  const groupsOf = (names: readonly string[], size: number): Map<string, Map<string, LazyTensor>> =>
    new Map(
      names.map((name) => [
        name,
        new Map(
          Array.from({ length: size }, (_, i): [string, LazyTensor] => [
            `transformer_blocks.${i}.attn1.to_q.weight`,
            {
              dtype: i % 2 ? "bfloat16" : "float32",
              shape: [i, 3],
              bytes: () => new Uint8Array(i * (i % 2 ? 6 : 12)),
            },
          ]),
        ),
      ]),
    );

  it.each([
    [["model"], 0],
    [["model"], 1],
    [["model", "ema"], 12],
    [["model", "optimizer"], 100],
    [["model", "ema", "optimizer"], 40],
    [["model", "ema", "optimizer", "came"], 7],
  ])("is within 2 % of the size on the disk for %s with %i tensors", async (names, size) => {
    const groups = groupsOf(names, size);
    const state = { seed: 1, history: [1, 2, 3], note: "ä" };
    const forecast = forecastBytes(groups, state);
    const options = { step: 123, stage: "quality", state, groups, keep: 1 };
    const path = await saveCheckpointBytes(root, options);
    const real = readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0);
    expect(Math.abs(forecast - real)).toBeLessThan(0.02 * real);
  });

  it("lets a start be refused that has no room for two", async () => {
    const forecast = forecastBytes(new Map([["model", tensors(1)]]), null);
    capacity = 1.5 * forecast + MEGABYTE;
    await expect(requireDiskSpace(root, 2 * forecast)).rejects.toThrow(
      `${root}: expected to find room for ${2 * forecast} bytes and the 1048576 that a file system may add but found too little room`,
    );
    await requireDiskSpace(root, forecast);
  });
});
