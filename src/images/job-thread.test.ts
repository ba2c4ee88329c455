import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { JobThread } from "./job-thread.ts";

const thread = (does: string): JobThread<unknown, unknown> =>
  new JobThread(
    () =>
      new Worker(
        `const { parentPort } = require("node:worker_threads");
         parentPort.on("message", (job) => { ${does} });`,
        { eval: true },
      ),
  );

describe("JobThread", () => {
  it("answers in order, and is there again after it has failed", async () => {
    const echo = thread("if (job === 0) throw new Error('zero'); parentPort.postMessage(job);");
    expect(await Promise.all([echo.ask(1), echo.ask(2)])).toEqual([1, 2]);
    expect(await Promise.allSettled([echo.ask(0), echo.ask(3)])).toMatchObject([
      { reason: { message: "zero" } },
      { reason: { message: "zero" } },
    ]);
    expect(await echo.ask(4)).toBe(4);
    echo.end(new Error("done"));
  });

  it("keeps nobody waiting where it exits without a word", async () => {
    await expect(thread("process.exit(7);").ask(1)).rejects.toThrow(
      "a thread ended with code 7 before it had answered",
    );
  });

  it("fails what it is ended at", async () => {
    const endless = thread("for (;;);");
    const asked = endless.ask(1);
    endless.end(new Error("too long"));
    await expect(asked).rejects.toThrow("too long");
    expect([endless.jobs, endless.isRunning]).toEqual([0, false]);
  });

  it("refuses what can't be sent, and goes on", async () => {
    const echo = thread("parentPort.postMessage(job);");
    await expect(echo.ask(() => {})).rejects.toThrow("could not be cloned");
    expect(await echo.ask(1)).toBe(1);
    echo.end(new Error("done"));
  });
});
