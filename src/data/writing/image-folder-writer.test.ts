import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { ImageFolderWriter } from "./image-folder-writer.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-writer-"));
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

it("writes tables in pieces, because millions of captions exceed the longest string", async () => {
  const texts = Array.from({ length: 50 }, (_, i) => `${i} é `.repeat(4000));
  await using some = await open(folder);
  const write = vi.spyOn(Object.getPrototypeOf(some), "write");
  for (const [table, file] of [
    ["jsonl", "metadata.jsonl"],
    ["csv", "metadata.csv"],
  ] as const) {
    const writer = new ImageFolderWriter(folder, table);
    const bytes = new Uint8Array();
    const pictures = texts.map((text, i) => ({
      file: `${table}-${i}.png`,
      bytes,
      text,
      columns: {},
    }));
    await writer.add(pictures);
    write.mockClear();
    await writer.finish();
    const sizes = write.mock.calls.map(([piece]) => (piece as Uint8Array).length);
    const content = readFileSync(join(folder, file));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(content.length);
    expect(content.length).toBeGreaterThan(2 ** 20);
    expect(Math.max(...sizes)).toBeLessThan(2 ** 19);
    expect(content.toString()).toContain("49 é ".repeat(4000).trimEnd());
  }
});
