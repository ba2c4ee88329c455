import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ownIdentity } from "../../files/locks/process-identity.ts";
import { acquireRunLock, isLockHeld } from "./run-lock.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pixart-lock-"));
  path = join(folder, "run.lock");
});
afterEach(() => rmSync(folder, { recursive: true }));

const quiet = { say: () => {} };
const leave = (changes: object): void => {
  const since = "2026-01-02T03:04:05.678Z";
  writeFileSync(path, JSON.stringify({ ...ownIdentity(), since, id: "theirs", ...changes }));
};

describe("acquireRunLock", () => {
  it("is refused while the run is written, and tells by whom", async () => {
    using _ = await acquireRunLock(path, quiet);
    await expect(acquireRunLock(path, quiet)).rejects.toThrow(
      new RegExp(
        `^The run in ${folder} is being written by process ${process.pid} on ${hostname()} \\(since .*Z\\)\\. Wait for it, or stop it first\\.$`,
      ),
    );
    expect(readdirSync(folder)).toEqual(["run.lock"]);
    expect(isLockHeld(path)).toBe(true);
  });

  it("says that it watches a process that it cannot see, and takes over what stands still", async () => {
    leave({ host: "elsewhere", boot: "another", pid: 7 });
    const said: string[] = [];
    using _ = await acquireRunLock(path, { say: (line) => said.push(line), stillMs: 600 });
    expect(said).toEqual([
      `The run in ${folder} is being written by process 7 on elsewhere (since 2026-01-02T03:04:05.678Z), or that process has ended, which cannot be seen from here. Watching its lock ${path} for up to 1 s`,
    ]);
  });

  it.each(["", "null", "7", "{}", '{"pid":7,"host":"elsewhere","started":null,"since":"now"}'])(
    "is refused where its file holds %j",
    async (content) => {
      writeFileSync(path, content);
      await expect(acquireRunLock(path, quiet)).rejects.toThrow(
        `${path}: lock: expected the process that holds it but found ${JSON.stringify(content)}; delete it if no process is writing the run`,
      );
      expect(isLockHeld(path)).toBe(true);
    },
  );

  it("is refused where a folder has its name", async () => {
    mkdirSync(path);
    await expect(acquireRunLock(path, quiet)).rejects.toThrow(
      `${path}: lock: expected the process that holds it but found a folder; delete it if no process is writing the run`,
    );
    expect(isLockHeld(path)).toBe(true);
  });
});

describe("isLockHeld", () => {
  it("asks the last beat of a process that it cannot see", () => {
    expect(isLockHeld(path)).toBe(false);
    leave({ boot: "another" });
    expect(isLockHeld(path)).toBe(true);
    const long = new Date(Date.now() - 600_000);
    utimesSync(path, long, long);
    expect(isLockHeld(path)).toBe(false);
  });

  it("sees that a process is gone", () => {
    leave({ pid: 2 ** 22 + 1 });
    expect(isLockHeld(path)).toBe(false);
  });
});
