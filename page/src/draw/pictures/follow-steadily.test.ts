import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PixartError } from "../../../../src/client/pixart-error.ts";
import type { DrawEvent, DrawnPictures, JobAnswer } from "../../../../src/client/results.ts";
import { followSteadily } from "./follow-steadily.ts";

const progress = (step: number): DrawEvent => ({ type: "progress", step, total: 20 });
const pictures = {} as DrawnPictures;

/** A client whose connection breaks as often as there are errors. */
function breaking(errors: Error[]): Parameters<typeof followSteadily>[0] {
  return {
    async *follow() {
      yield progress(3 - errors.length);
      const error = errors.shift();
      if (error !== undefined) throw error;
      return pictures;
    },
  };
}

async function stepsOf(errors: Error[]): Promise<number[]> {
  const steps: number[] = [];
  const events = followSteadily(breaking(errors), "job_1", new AbortController().signal);
  for await (const event of events) if (event.type === "progress") steps.push(event.step);
  return steps;
}

it("takes up what broke", async () => {
  vi.useFakeTimers();
  const early = new PixartError(0, { message: "", code: "running", param: null });
  const steps = stepsOf([new TypeError("network error"), early]);
  await vi.runAllTimersAsync();
  expect(await steps).toEqual([1, 2, 3]);
  vi.useRealTimers();
});

it("gives up where the server does", async () => {
  const refused = new PixartError(404, { message: "gone", code: "job_not_found", param: null });
  await expect(stepsOf([refused])).rejects.toThrow("gone");
});

describe("several jobs", () => {
  const states = new Map<string, Partial<JobAnswer>>();
  const queued = { status: "queued", position: 3, step: null, total: null } as const;
  let looks: string[] = [];
  beforeEach(() => {
    looks = [];
    vi.useFakeTimers();
    vi.stubGlobal("fetch", (path: string) => {
      const job = path.split("/").at(-1) ?? "";
      looks.push(job);
      return Promise.resolve(Response.json(states.get(job) ?? queued));
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    states.clear();
  });

  /** Streams that stay open until they are ended. */
  function streams() {
    const open = new Map<string, () => void>();
    const client: Parameters<typeof followSteadily>[0] = {
      async *follow(job, { signal } = {}) {
        if (signal?.aborted) throw new Error(`${job} cancelled`);
        yield progress(1);
        await new Promise<void>((resolve) => open.set(job, resolve));
        open.delete(job);
        return pictures;
      },
    };
    const end = async (job: string): Promise<void> => {
      open.get(job)?.();
      await vi.advanceTimersByTimeAsync(1);
    };
    return { client, end, open: () => [...open.keys()] };
  }

  async function heard(
    client: Parameters<typeof followSteadily>[0],
    job: string,
    stopped = new AbortController().signal,
  ): Promise<string[]> {
    const types: string[] = [];
    for await (const event of followSteadily(client, job, stopped)) types.push(event.type);
    return types;
  }

  it("have one stream among them, that of the oldest", async () => {
    const { client, end, open } = streams();
    const all = ["a", "b", "c"].map((job) => heard(client, job));
    await vi.advanceTimersByTimeAsync(2500);
    expect(open()).toEqual(["a"]);
    expect(looks).toEqual(["b", "c", "b", "c"]);
    await end("a");
    expect(open()).toEqual(["b"]);
    await end("b");
    await end("c");
    expect((await Promise.all(all)).map((types) => types.at(-1))).toEqual(
      Array(3).fill("progress"),
    );
  });

  it("end at once when they are stopped, also while an answer is awaited", async () => {
    const { client, end } = streams();
    const first = heard(client, "a");
    const stopping = new AbortController();
    const answered = fetch;
    vi.stubGlobal("fetch", (path: string) => {
      stopping.abort();
      return answered(path);
    });
    let isOver = false;
    const second = heard(client, "b", stopping.signal).catch(() => {
      isOver = true;
    });
    await vi.advanceTimersByTimeAsync(10);
    expect(isOver).toBe(true);
    await end("a");
    await Promise.all([first, second]);
  });

  it("are shown as they are, in whatever order they are drawn", async () => {
    const { client, end, open } = streams();
    const [first, second] = ["a", "b"].map((job) => heard(client, job));
    await vi.advanceTimersByTimeAsync(1);
    states.set("b", { status: "running", position: null, step: 4, total: 20 });
    await vi.advanceTimersByTimeAsync(2000);
    states.set("b", { status: "completed" });
    await vi.advanceTimersByTimeAsync(2000);
    expect(open()).toEqual(["a", "b"]); // of a job that is over, it ends at once
    await end("b");
    expect(await second).toEqual(["queued", "progress", "progress"]);
    await end("a");
    await first;
  });

  it("are cancelled at once, without a stream too", async () => {
    const { client, end } = streams();
    const first = heard(client, "a");
    const abort = new AbortController();
    const second = heard(client, "b", abort.signal);
    const refused = expect(second).rejects.toThrow("b cancelled");
    await vi.advanceTimersByTimeAsync(1);
    abort.abort();
    await refused;
    await end("a");
    await first;
  });

  it("wait through a lost connection", async () => {
    const { client, end, open } = streams();
    const first = heard(client, "a");
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("network error")));
    const second = heard(client, "b");
    await vi.advanceTimersByTimeAsync(5000);
    expect(open()).toEqual(["a"]);
    await end("a");
    await end("b");
    await Promise.all([first, second]);
  });
});
