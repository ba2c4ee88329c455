import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import workers, { type Worker } from "node:worker_threads";
import { afterAll, describe, expect, it, vi } from "vitest";
import { BEAT_MS, startBeat } from "./lock-beat.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-beat-"));
const path = join(folder, "a.lock");
afterAll(() => rmSync(folder, { recursive: true }));

describe("startBeat", () => {
  it("begins when the lock can be opened, and again where its thread ended", async () => {
    const threads: Worker[] = [];
    const { Worker: Original } = workers;
    workers.Worker = class extends Original {
      constructor(...args: ConstructorParameters<typeof Worker>) {
        super(...args);
        threads.push(this);
      }
    };
    syncBuiltinESMExports();
    const end = startBeat(path, "mine");
    try {
      await once(threads[0] as Worker, "online");
      await sleep(200); // it has looked, and there was no lock
      writeFileSync(path, "mine");
      const beats = async (): Promise<void> => {
        utimesSync(path, 0, 0);
        await vi.waitFor(() => expect(statSync(path).mtimeMs).toBeGreaterThan(0), 2 * BEAT_MS);
      };
      await beats();
      await threads[0]?.terminate();
      await beats();
      expect(threads).toHaveLength(2);
    } finally {
      end();
      workers.Worker = Original;
      syncBuiltinESMExports();
    }
  }, 60_000);
});
