import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ownIdentity } from "./process-identity.ts";
import { withLock } from "./with-lock.ts";

const top = mkdtempSync(join(tmpdir(), "pixart-lock-"));
afterAll(() => rmSync(top, { recursive: true }));

describe("withLock", () => {
  it("lets one in at a time, tells the others to wait once, and leaves nothing behind", async () => {
    const path = join(top, "folder", "one.lock");
    let inside = 0;
    let most = 0;
    let waits = 0;
    const enter = (): Promise<number> =>
      withLock(
        path,
        () => {
          waits += 1;
        },
        async () => {
          inside += 1;
          most = Math.max(most, inside);
          await new Promise((later) => setTimeout(later, 150));
          inside -= 1;
          return 7;
        },
      );
    expect(await Promise.all([enter(), enter(), enter()])).toEqual([7, 7, 7]);
    expect([most, waits]).toEqual([1, 2]);
    expect(readdirSync(join(top, "folder"))).toEqual([]);
  });

  it("is given back when the work fails", async () => {
    const path = join(top, "failing.lock");
    const failing = withLock(
      path,
      () => {},
      async () => {
        throw new Error("failed");
      },
    );
    await expect(failing).rejects.toThrow("failed");
    expect(existsSync(path)).toBe(false);
  });

  it("takes over the lock of a process that is no more", async () => {
    const path = join(top, "dead.lock");
    // Above the largest process number of Linux.
    const holder = { ...ownIdentity(), pid: 2 ** 22 + 1, since: "then", id: "theirs" };
    writeFileSync(path, JSON.stringify(holder));
    const start = performance.now();
    expect(
      await withLock(
        path,
        () => {},
        async () => "mine",
      ),
    ).toBe("mine");
    expect(performance.now() - start).toBeLessThan(10_000); // sooner than another machine would get it
    expect(readdirSync(top).filter((name) => name.startsWith("dead"))).toEqual([]);
  });
});
