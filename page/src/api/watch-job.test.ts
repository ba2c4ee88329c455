import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { CheckState } from "../../../src/studio/api-types.ts";
import { watchJob } from "./watch-job.ts";

type Answer = (() => Response) | "lost";

const state =
  (done: number, of: CheckState["state"] = "running") =>
  (): Response =>
    Response.json({ state: of, done });
const gone = (): Response =>
  Response.json({ error: { message: "gone", code: "job_not_found" } }, { status: 404 });

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

async function watched(answers: Answer[], isWanted = (): boolean => true): Promise<number[]> {
  vi.stubGlobal("fetch", async () => {
    const answer = answers.shift();
    if (answer === undefined || answer === "lost") throw new TypeError("network error");
    return answer();
  });
  const told: number[] = [];
  const watching = watchJob("check_1", isWanted, ({ done }) => told.push(done));
  watching.catch(() => {}); // it is awaited below
  await vi.runAllTimersAsync();
  await watching;
  return told;
}

it("goes on after lost requests", async () => {
  const answers = [state(1), "lost", "lost", state(2), "lost", state(3, "done")] as const;
  expect(await watched([...answers])).toEqual([1, 2, 3]);
});

it("ends with what the server refuses", async () => {
  await expect(watched([state(1), gone])).rejects.toThrow("gone");
});

it("ends when it is no longer wanted, though nothing is answered", async () => {
  let looks = 0;
  expect(
    await watched([], () => {
      looks += 1;
      return looks < 5;
    }),
  ).toEqual([]);
});
