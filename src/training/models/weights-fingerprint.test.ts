import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { weightsFingerprint } from "./weights-fingerprint.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-identity-"));
const memory = join(root, "memory");
afterAll(() => rmSync(root, { recursive: true }));

const make = (name: string): string => {
  const folder = join(root, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "config.json"), "{}");
  writeFileSync(join(folder, "model.safetensors"), "0123456789");
  writeFileSync(join(folder, "README.md"), name);
  return folder;
};
const names = ["same", "in-place", "replaced", "longer", "link-1", "link-2", "added", "config"];
const folders = Object.fromEntries(names.map((name) => [name, make(name)]));
const folderOf = (name: string): string => folders[name] ?? "";
const before = new Map<string, string>();

describe("weightsFingerprint", () => {
  beforeAll(async () => {
    await sleep(2100); // until the files' times count
    for (const name of names) before.set(name, await weightsFingerprint(folderOf(name), memory));
  });

  it("is that of the content, whatever the folder's name and its other files", () => {
    expect(new Set(before.values()).size).toBe(1);
    expect(readdirSync(memory)).toHaveLength(names.length);
  });

  it("hashes nothing again where nothing has changed", async () => {
    const [note = ""] = readdirSync(memory).filter((file) =>
      readFileSync(join(memory, file), "utf8").includes(
        String(statSync(join(folderOf("same"), "config.json")).ino),
      ),
    );
    const path = join(memory, note);
    // A note that says otherwise shows that it is believed.
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace(/"sha256":"..../, '"sha256":"beef'));
    expect(await weightsFingerprint(folderOf("same"), memory)).not.toBe(before.get("same"));
    writeFileSync(path, text.slice(0, 40)); // damaged: all is hashed
    expect(await weightsFingerprint(folderOf("same"), memory)).toBe(before.get("same"));
  });

  const changes: Record<string, (folder: string, file: string) => void> = {
    "in-place": (_, file) => {
      const { atime, mtime } = statSync(file);
      writeFileSync(file, "0123456780");
      utimesSync(file, atime, mtime);
    },
    replaced: (folder, file) => {
      const { atime, mtime } = statSync(file);
      writeFileSync(join(folder, "new"), "0123456780");
      utimesSync(join(folder, "new"), atime, mtime);
      renameSync(join(folder, "new"), file);
    },
    longer: (_, file) => writeFileSync(file, "01234567890"),
    "link-1": (folder, file) => {
      writeFileSync(join(root, "blob"), "0123456780");
      unlinkSync(file);
      symlinkSync(join(root, "blob"), join(folder, "model.safetensors"));
    },
    added: (folder) => writeFileSync(join(folder, "model-2.safetensors"), ""),
    config: (folder) => writeFileSync(join(folder, "config.json"), "[]"),
  };
  it.each(Object.keys(changes))(
    "sees a change, also with the old times and length: %s",
    async (name) => {
      const folder = folderOf(name);
      changes[name]?.(folder, join(folder, "model.safetensors"));
      expect(await weightsFingerprint(folder, memory)).not.toBe(before.get(name));
    },
  );

  it("does not trust the times of a file that has only just been written", async () => {
    const folder = make("young");
    await weightsFingerprint(folder, join(root, "young-memory"));
    expect(() => readdirSync(join(root, "young-memory"))).toThrow("ENOENT");
  });
});
