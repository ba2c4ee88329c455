import {
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runChild } from "../../test/child.ts";
import * as torch from "../torch/index.ts";
import { readSafetensors } from "../weights/index.ts";
import { FeatureStore } from "./feature-store.ts";
import { VERIFIED_FILE } from "./verified-files.ts";

// Counts which files are hashed.
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  return { ...fs, createReadStream: vi.fn(fs.createReadStream) };
});
const hashed = vi.mocked(createReadStream);

const root = mkdtempSync(join(tmpdir(), "pixart-features-"));
afterAll(() => rmSync(root, { recursive: true }));

let folder = "";
let warnings: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(root, "store-"));
  warnings = [];
  hashed.mockClear();
});
afterEach(() => {
  vi.useRealTimers();
});

const open = (shardBytes?: number): Promise<FeatureStore> =>
  FeatureStore.open(folder, (message) => warnings.push(message), shardBytes);
/** What a later process opens: everything was written minutes before it began. */
const openLater = (): Promise<FeatureStore> => {
  vi.useFakeTimers({ now: Date.now() + 600_000, toFake: ["Date"] });
  return open();
};
const shards = (): string[] => readdirSync(folder).filter((name) => name.startsWith("shard-"));
const pathOf = (index: number): string => join(folder, shards()[index] ?? "");

/** Four numbers, 16 bytes, under each key. */
async function put(store: FeatureStore, ...keys: number[]): Promise<void> {
  for (const key of keys) {
    const tensor = torch.full([4], key);
    await store.put(new Map([[String(key), tensor]]));
    tensor.dispose();
  }
}
const mean = (store: FeatureStore, key: number): number =>
  torch.tidy(() => store.get(String(key)).mean().item());

const damages: Record<string, (path: string) => void> = {
  "a flipped bit": (path) => {
    const bytes = readFileSync(path);
    bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 4;
    writeFileSync(path, bytes);
  },
  "a cut end": (path) => truncateSync(path, readFileSync(path).length - 8),
  "nothing left": (path) => truncateSync(path, 0),
  "a shard more than it says": (path) =>
    writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(8)])),
  "another shard's content": (path) =>
    copyFileSync(pathOf(1) === path ? pathOf(0) : pathOf(1), path),
};

describe("FeatureStore", () => {
  it("gives back what was put, now and when it is opened again", async () => {
    const store = await open();
    await put(store, 1, 2, 3);
    expect(store.has("2")).toBe(true);
    expect(store.size).toBe(0);
    expect(() => store.get("2")).toThrow("Expected features under the key 2");
    await store.flush();
    expect([1, 2, 3].map((key) => mean(store, key))).toEqual([1, 2, 3]);
    store.dispose();
    const again = await open();
    expect([again.size, again.has("4")]).toEqual([3, false]);
    expect([1, 2, 3].map((key) => mean(again, key))).toEqual([1, 2, 3]);
    again.dispose();
  });

  it("writes a shard whenever so many bytes have gathered, and at last the rest", async () => {
    const store = await open(48);
    await put(store, 1, 2);
    expect(shards()).toHaveLength(0);
    await put(store, 3);
    expect(shards()).toHaveLength(1);
    await put(store, 4, 5, 6, 7);
    expect(shards()).toHaveLength(2);
    await store.flush();
    await store.flush();
    expect(shards()).toHaveLength(3);
    expect(store.size).toBe(7);
    store.dispose();
  });

  it("writes each feature once, also of those that come while a shard is on its way to the disk", async () => {
    const store = await open(48);
    const keys = Array.from({ length: 40 }, (_, i) => i);
    const worker = async (first: number): Promise<void> =>
      put(store, ...keys.filter((key) => key % 4 === first));
    await Promise.all([0, 1, 2, 3].map(worker));
    await store.flush();
    expect(keys.map((key) => mean(store, key))).toEqual(keys);
    store.dispose();
    const written = shards().map((name) => readSafetensors(join(folder, name)).tensors.size);
    expect(written.reduce((sum, n) => sum + n, 0)).toBe(40);
  });

  it.each(Object.keys(damages))(
    "throws a damaged shard away, and makes its features anew: %s",
    async (damage) => {
      const store = await open(16);
      await put(store, 1, 2);
      store.dispose();
      const path = pathOf(0);
      damages[damage]?.(path);
      const again = await open();
      expect(warnings).toEqual([
        `The cached features in ${path} are damaged; they will be computed again`,
      ]);
      expect(existsSync(path)).toBe(false);
      expect(again.size).toBe(1);
      await put(again, ...[1, 2].filter((key) => !again.has(String(key))));
      await again.flush();
      expect([mean(again, 1), mean(again, 2)]).toEqual([1, 2]);
      again.dispose();
    },
  );

  it("lets two writers fill one folder, with some keys twice", async () => {
    const [one, two] = [await open(32), await open(32)];
    await Promise.all([put(one, 1, 2, 3, 4), put(two, 3, 4, 5, 6)]);
    await Promise.all([one.flush(), two.flush()]);
    one.dispose();
    two.dispose();
    const all = await open();
    expect([1, 2, 3, 4, 5, 6].map((key) => mean(all, key))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(warnings).toEqual([]);
    all.dispose();
  });

  it("two that open a damaged folder at once both go on", async () => {
    const store = await open(16);
    await put(store, 1, 2, 3);
    store.dispose();
    for (const i of [0, 1, 2]) truncateSync(pathOf(i), 10);
    const both = await Promise.all([open(), open(), open()]);
    expect(both.map(({ size }) => size)).toEqual([0, 0, 0]);
    expect(shards()).toEqual([]);
  });

  it("killed in the middle of a write, keeps whole shards and no other", async () => {
    const { signal } = await runChild(
      new URL("../../test/fixtures/fill-store-and-die.ts", import.meta.url),
      { args: [folder] },
    );
    expect(signal).toBe("SIGKILL");
    const unfinished = readdirSync(folder).filter((name) => name.startsWith(".tmp-shard-"));
    expect(unfinished).toHaveLength(1);
    const store = await open();
    expect([warnings, store.size, mean(store, 0)]).toEqual([[], 1, 0]);
    store.dispose();

    // Another process may still be writing it, and the clock may have been set meanwhile, but not by a day.
    const left = join(folder, unfinished[0] ?? "");
    expect(existsSync(left)).toBe(true);
    for (const [hours, isThere] of [
      [14, true],
      [25, false],
    ] as const) {
      utimesSync(left, new Date(0), new Date(Date.now() - hours * 3600_000));
      (await open()).dispose();
      expect(existsSync(left)).toBe(isThere);
    }
  });

  it("adds what others have written since it was opened", async () => {
    const [one, two] = [await open(16), await open(16)];
    await put(one, 1);
    await put(two, 2);
    await one.refresh();
    await one.refresh();
    expect([one.size, mean(one, 1), mean(one, 2)]).toEqual([2, 1, 2]);
    one.dispose();
    two.dispose();
  });

  it("stays open until all who share it have left", async () => {
    const store = await open(16);
    await put(store, 1);
    const [first, second] = [store.share(), store.share()];
    store.dispose();
    first();
    first();
    expect(mean(store, 1)).toBe(1);
    second();
    expect(() => store.get("1")).toThrow("but close() was called before");
  });
});

describe("FeatureStore's shards", () => {
  /** A store of two shards that a later process has opened. */
  async function openedBefore(): Promise<void> {
    const store = await open(16);
    await put(store, 1, 2);
    store.dispose();
    (await openLater()).dispose();
    expect(hashed).toHaveBeenCalledTimes(2);
    hashed.mockClear();
    vi.useRealTimers();
  }
  const damaged = (path: string): string =>
    `The cached features in ${path} are damaged; they will be computed again`;

  it("are hashed once, however often they are opened", async () => {
    await openedBefore();
    const again = await openLater();
    expect(hashed).not.toHaveBeenCalled();
    expect([mean(again, 1), mean(again, 2)]).toEqual([1, 2]);
    again.dispose();
  });

  it("are hashed again if they were changed, even within their length and time", async () => {
    await openedBefore();
    const path = pathOf(1);
    const { atime, mtime } = statSync(path);
    damages["a flipped bit"]?.(path);
    utimesSync(path, atime, mtime);
    const again = await openLater();
    expect(hashed.mock.calls.map(([file]) => file)).toEqual([path]);
    expect([warnings, again.size]).toEqual([[damaged(path)], 1]);
    again.dispose();
  });

  it("are hashed again if they were written just before: a later change may not show", async () => {
    const store = await open(16);
    await put(store, 1, 2);
    store.dispose();
    for (const times of [2, 4]) {
      (await open()).dispose();
      expect(hashed).toHaveBeenCalledTimes(times);
    }
    expect(existsSync(join(folder, VERIFIED_FILE))).toBe(false);
  });

  it.each(["", "{", '["shard"', "[1]\n", "null\n", '{"shard": 1}\n'])(
    "are hashed again if their record is damaged: %j",
    async (content) => {
      await openedBefore();
      writeFileSync(join(folder, VERIFIED_FILE), content);
      const again = await openLater();
      expect(hashed).toHaveBeenCalledTimes(2);
      expect([warnings, again.size]).toEqual([[], 2]);
      again.dispose();
    },
  );

  it("are used, with a warning, if their record cannot be written", async () => {
    const store = await open(16);
    await put(store, 1, 2);
    store.dispose();
    mkdirSync(join(folder, VERIFIED_FILE, "in-the-way"), { recursive: true });
    const again = await openLater();
    expect(again.size).toBe(2);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^The cached features will be checked again at the next start: .*verified\.jsonl: expected to put a new file in its place but found /,
      ),
    ]);
    again.dispose();
  });

  it("leave the record when they are deleted", async () => {
    await openedBefore();
    const [gone = "", kept = ""] = shards();
    rmSync(join(folder, gone));
    const store = await openLater();
    await put(store, 3);
    await store.flush();
    store.dispose();
    (await openLater()).dispose();
    const record = readFileSync(join(folder, VERIFIED_FILE), "utf8");
    expect(record).toContain(kept);
    expect(record).not.toContain(gone);
  });
});
