import { describe, expect, it } from "vitest";
import { type ChildOptions, type Ending, runChild } from "../child.ts";

const end = (way: string, options: ChildOptions = {}): Promise<Ending> =>
  runChild(new URL("ways-to-end.ts", import.meta.url), { ...options, args: [way] });

/** What dying libraries write: glibc, libstdc++, Node. */
const deathCry =
  /mutex|abort|terminate called|core dumped|segmentation|fatal|corrupted|double free/i;

describe("a process that used the engine", () => {
  it.each([
    ["normal", 0, ""],
    ["exitInScope", 3, ""],
    ["terminatedWorkers", 0, "8"],
    ["exitBesideWorker", 4, ""],
    ["twoWorkers", 0, "0 0"],
  ])("ends in silence: %s", async (way, exitCode, stdout) => {
    expect(await end(way)).toEqual({ exitCode, signal: undefined, stdout, stderr: "" });
  });

  it.each([
    ["uncaughtException", /^Error: thrown on purpose$/m],
    [
      "uncaughtTorchError",
      /^TorchError: aten::add\.Tensor\(self float32\(2\), other float32\(3\)\)/m,
    ],
    ["unhandledRejection", /^Error: rejected on purpose$/m],
  ])("ends with its error and nothing else: %s", async (way, text) => {
    const { exitCode, signal, stderr } = await end(way);
    expect({ exitCode, signal }).toEqual({ exitCode: 1, signal: undefined });
    expect(stderr).toMatch(text);
    expect(stderr).not.toMatch(deathCry);
  });

  it.each(["SIGTERM", "SIGINT"] as const)("ends by %s", async (signal) => {
    const ending = await end("signal", { onOutput: (child) => void child.kill(signal) });
    expect(ending).toMatchObject({ signal, stdout: "ready", stderr: "" });
  });

  it("ends in silence where only workers loaded the engine, and again after the first was gone", async () => {
    expect(await runChild(new URL("only-in-workers.ts", import.meta.url))).toEqual({
      exitCode: 0,
      signal: undefined,
      stdout: "stopped\nterminated",
      stderr: "",
    });
  });
});

it("ends by itself after it resized a picture in another thread", async () => {
  expect(await runChild(new URL("resize-and-end.ts", import.meta.url))).toEqual({
    exitCode: 0,
    signal: undefined,
    stdout: "1024x512",
    stderr: "",
  });
});
