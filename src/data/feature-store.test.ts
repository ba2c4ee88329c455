import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { runChild } from "../../test/child.ts";
import * as torch from "../torch/index.ts";
import { readSafetensors } from "../weights/index.ts";
import { FeatureStore } from "./feature-store.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-features-"));
afterAll(() => rmSync(root, { recursive: true }));

let folder = "";
let warnings: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(root, "store-"));
  warnings = [];
});

const open = (shardBytes?: number): Promise<FeatureStore> =>
  FeatureStore.open(folder, (message) => warnings.push(message), shardBytes);
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

    // Another process may still be writing it, but not for an hour.
    const left = join(folder, unfinished[0] ?? "");
    expect(existsSync(left)).toBe(true);
    utimesSync(left, new Date(0), new Date(Date.now() - 2 * 3600_000));
    (await open()).dispose();
    expect(existsSync(left)).toBe(false);
  });
});
