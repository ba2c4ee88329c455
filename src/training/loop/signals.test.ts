import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { StopRequest, type StopSignal } from "./signals.ts";

const source = fileURLToPath(new URL("./signals.ts", import.meta.url));

interface Left {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A loop of `steps` steps of 100 ms that saves and leaves when it is asked to, and gets `send` after its first step. */
async function run(
  send: readonly StopSignal[],
  steps: number,
  body = "",
  startedBy = "node",
): Promise<Left> {
  const script = `
    const { StopRequest } = await import(${JSON.stringify(source)});
    const stop = new StopRequest();
    for (let step = 1; step <= ${steps}; step++) {
      ${body}
      await new Promise((done) => setTimeout(done, 100));
      console.log("step " + step);
      if (stop.requested !== undefined) {
        console.log("saved for " + stop.requested);
        process.exitCode = stop.exitCode;
        break;
      }
    }
    stop[Symbol.dispose]();
    console.log("left");`;
  const args = ["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", script];
  const child = spawn(process.execPath, args, { env: { ...process.env, _: startedBy } });
  const output = { out: "", err: "" };
  const closed = once(child, "close");
  child.stdout.on("data", (data) => {
    output.out += data;
  });
  child.stderr.on("data", (data) => {
    output.err += data;
  });
  await Promise.race([once(child.stdout, "data"), closed]);
  for (const signal of send) {
    child.kill(signal);
    // A second signal of one kind is lost where the first is still pending.
    await Promise.race([once(child.stderr, "data"), closed, setTimeout(50)]);
  }
  const [code] = await closed;
  return { code, ...output };
}

const exitCodes = [
  ["SIGINT", 130, "Saving, then stopping. Press Ctrl+C again to stop at once without saving."],
  ["SIGTERM", 75, "SIGTERM: saving, then stopping."],
  ["SIGHUP", 75, "SIGHUP: saving, then stopping."],
  ["SIGUSR1", 75, "SIGUSR1: saving, then stopping."],
  ["SIGUSR2", 75, "SIGUSR2: saving, then stopping."],
] as const;

describe("StopRequest in a process", () => {
  it.each(exitCodes)("%s saves at the step's end and exits with %i", async (signal, code, said) => {
    const left = await run([signal], 50);
    expect(left).toMatchObject({ code, err: `${said}\n` });
    expect(left.out).toMatch(new RegExp(`^(step \\d+\n)+saved for ${signal}\nleft\n$`));
  });

  it("goes on under nohup when the terminal goes away", async () => {
    const left = await run(["SIGHUP"], 3, "", "/usr/bin/nohup");
    expect(left).toMatchObject({ code: 0, err: "" });
    expect(left.out).toMatch(/step 3\nleft\n$/);
    const asked = await run(["SIGHUP", "SIGTERM"], 50, "", "/usr/bin/nohup");
    expect(asked).toMatchObject({ code: 75, err: "SIGTERM: saving, then stopping.\n" });
  });

  it("goes on to its end without signals", async () => {
    expect(await run([], 2)).toEqual({ code: 0, out: "step 1\nstep 2\nleft\n", err: "" });
  });

  it("leaves at once, unsaved, at the second Ctrl+C", async () => {
    const endless = "if (step === 2) await new Promise((done) => setTimeout(done, 60_000));";
    const left = await run(["SIGINT", "SIGINT"], 50, endless);
    expect(left.code).toBe(130);
    expect(left.out).toBe("step 1\n");
    expect(left.err).toMatch(
      /\nStopped at once without saving. The newest checkpoint is an earlier one\.\n$/,
    );
  });

  it("still saves for the signal that came first when others follow", async () => {
    const left = await run(["SIGTERM", "SIGTERM", "SIGINT"], 50);
    expect(left.code).toBe(75);
    expect(left.out).toMatch(/\nsaved for SIGTERM\nleft\n$/);
  });
});

describe("StopRequest", () => {
  it("asks for nothing until a signal comes, and is deaf once it is disposed", () => {
    const before = process.listenerCount("SIGUSR2");
    const said: string[] = [];
    const stop = new StopRequest((sentence) => said.push(sentence));
    expect([stop.requested, stop.exitCode]).toEqual([undefined, undefined]);
    expect(process.listenerCount("SIGUSR2")).toBe(before + 1);
    process.emit("SIGUSR2", "SIGUSR2");
    expect([stop.requested, stop.exitCode]).toEqual(["SIGUSR2", 75]);
    expect(said).toHaveLength(1);
    stop[Symbol.dispose]();
    expect(process.listenerCount("SIGUSR2")).toBe(before);
  });
});
