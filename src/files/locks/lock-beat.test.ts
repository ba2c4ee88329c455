import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import workers, { type Worker } from "node:worker_threads";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { BEAT_MS, startBeat } from "./lock-beat.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-beat-"));
const path = join(folder, "a.lock");
afterAll(() => rmSync(folder, { recursive: true }));

const { Worker: Original } = workers;
const threads: Worker[] = [];
afterEach(async () => {
  workers.Worker = Original;
  syncBuiltinESMExports();
  await Promise.all(threads.splice(0).map((thread) => thread.terminate()));
});

/** Runs the threads started from now on with some options of Node, and collects them. */
function collectThreads(execArgv: string[] = []): void {
  workers.Worker = class extends Original {
    constructor(...[script, options]: ConstructorParameters<typeof Worker>) {
      super(script, { ...options, execArgv });
      threads.push(this);
    }
  };
  syncBuiltinESMExports();
}

async function beats(): Promise<void> {
  utimesSync(path, 0, 0);
  await vi.waitFor(() => expect(statSync(path).mtimeMs).toBeGreaterThan(0), 2 * BEAT_MS);
}

/** Where a share gives files another owner. */
const NO_TIMES = `data:text/javascript,${encodeURIComponent(
  'import fs from "node:fs"; import { syncBuiltinESMExports } from "node:module"; fs.futimesSync = () => { throw new Error("EPERM"); }; syncBuiltinESMExports();',
)}`;

describe("startBeat", () => {
  it("begins when the lock can be opened, and again where its thread ended", async () => {
    collectThreads();
    const end = startBeat(path, "mine");
    try {
      await once(threads[0] as Worker, "online");
      await sleep(200); // it has looked, and there was no lock
      writeFileSync(path, "mine");
      await beats();
      await threads[0]?.terminate();
      await beats();
      expect(threads).toHaveLength(2);
    } finally {
      end();
    }
  }, 60_000);

  it("beats by writing the same where setting times is not permitted", async () => {
    writeFileSync(path, "mine");
    collectThreads(["--import", NO_TIMES]);
    const end = startBeat(path, "mine");
    try {
      await beats();
      expect(readFileSync(path, "utf8")).toBe("mine");
    } finally {
      end();
    }
  }, 60_000);
});
