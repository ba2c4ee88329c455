import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { FileLock } from "./file-lock.ts";
import { newContent, removeGuarded } from "./lock-file.ts";

vi.mock("./lock-file.ts", { spy: true });

it("keeps no guard if a dead process's lock can't be removed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pixart-evict-"));
  const path = join(folder, "a.lock");
  try {
    const dead = { ...JSON.parse(newContent()), pid: 2 ** 22 + 1 };
    writeFileSync(path, JSON.stringify(dead));
    vi.mocked(removeGuarded).mockImplementationOnce(() => {
      throw new Error("operation not permitted");
    });
    const taken = FileLock.acquire(path, { waitsFor: () => false });
    await expect(taken).rejects.toThrow("operation not permitted");
    expect(readdirSync(folder)).toEqual(["a.lock"]);
    using lock = await FileLock.acquire(path, { waitsFor: () => false });
    expect(lock).toBeDefined();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
