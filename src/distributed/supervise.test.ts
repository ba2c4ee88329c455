import { expect, it } from "vitest";
import { INTERRUPTED, PREEMPTED, RUN_LOST } from "./exit-codes.ts";
import { supervise } from "./supervise.ts";

it("starts nothing again of a run that is lost, whatever ended another process of it before", async () => {
  const said: string[] = [];
  // The first is slower to find out what the second has failed with.
  const script = `setTimeout(() => process.exit(process.env.RANK === "0" ? ${RUN_LOST} : 1),
    process.env.RANK === "0" ? 500 : 0)`;
  const code = await supervise({
    processes: 2,
    command: [process.execPath, "-e", script],
    maxRestarts: 1,
    say: (line) => said.push(line),
  });
  expect(code).toBe(RUN_LOST);
  expect(said).toEqual([
    expect.stringMatching(/^Rank 0 \(process \d+\) ended with exit code 77\. Its last lines:$/),
  ]);
});

it("says that a person interrupted a run, whichever process heard it", async () => {
  for (const [first, second] of [
    [PREEMPTED, INTERRUPTED],
    [INTERRUPTED, PREEMPTED],
  ]) {
    const script = `process.exit(process.env.RANK === "0" ? ${first} : ${second})`;
    const command = [process.execPath, "-e", script];
    expect(await supervise({ processes: 2, command, maxRestarts: 0, say: () => {} })).toBe(
      INTERRUPTED,
    );
  }
});
