import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { runPython } from "./python.ts";

/** A model that Python makes, and what it is told of it. */
interface NamedCase {
  readonly name: string;
}

/** Lets a script make a folder of each case before a file's tests, which are removed after them. Gives a case's folder by its name. */
export function madeCases(script: string, cases: readonly NamedCase[]): (name: string) => string {
  let root = "";
  const folderOf = (name: string): string => join(root, name);
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "pixart-parity-"));
    const made = cases.map(({ name, ...one }) => ({ ...one, folder: folderOf(name) }));
    await runPython(script, { action: "make", cases: made });
  });
  afterAll(() => rm(root, { recursive: true }));
  return folderOf;
}

/** What transformers says of a model that we saved and it loaded. */
interface Reloaded {
  readonly distance: number;
  readonly loading: Readonly<Record<string, readonly string[]>>;
  readonly said: string;
}

/** Expects of each folder that the script loads what lies in `ours` without a word, with the same output. */
export async function expectReloaded(script: string, folders: readonly string[]): Promise<void> {
  const cases = folders.map((folder) => ({ folder }));
  const reloaded = (await runPython(script, { action: "reload", cases })) as Reloaded[];
  expect(reloaded).toHaveLength(folders.length);
  for (const { distance, loading, said } of reloaded) {
    expect(distance).toBe(0);
    expect(Object.values(loading).flat()).toEqual([]);
    expect(said).toBe("");
  }
}
