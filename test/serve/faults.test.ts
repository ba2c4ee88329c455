import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ErrorBody } from "../../src/server/http/api-error.ts";
import type { RunningServer } from "../../src/server/start-server.ts";
import { startTestServer } from "../fixtures/test-server.ts";
import { tries } from "../reliability/counts.ts";

const post = (
  { url }: RunningServer,
  body: unknown,
  signal: AbortSignal | null = null,
): Promise<Response> =>
  fetch(`${url}/v1/images/generations`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });

const codeOf = async (response: Response | undefined): Promise<string | undefined> =>
  ((await response?.json()) as ErrorBody | undefined)?.error.code;

describe("a process that ends while it draws", () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startTestServer({ models: [{ name: "stand-in", place: "step=5,batch=4" }] });
  });
  afterAll(() => server.stop(0));
  const count = tries(10, 50);

  it(`fails its own job after two tries, and no neighbour: ${count} crashes`, async () => {
    for (let i = 0; i < count; i++) {
      const start = performance.now();
      const [bad, ...good] = await Promise.all([
        post(server, { prompt: "crash", steps: 3 }),
        post(server, { prompt: "a", steps: 3 }),
        post(server, { prompt: "b", steps: 3, n: 2 }),
      ]);
      expect(await codeOf(bad)).toBe("worker_lost");
      for (const response of good) expect(response.status).toBe(200);
      expect(performance.now() - start).toBeLessThan(10_000);
    }
    expect(await server.context.metrics.restarts.get()).toMatchObject({
      values: [{ value: expect.toSatisfy((restarts: number) => restarts >= 2 * count) }],
    });
  });

  it("is replaced when it is killed from outside, and what it drew is drawn", async () => {
    const drawing = post(server, { prompt: "a", steps: 60 });
    await vi.waitFor(() => expect(server.context.dispatcher.pictures).toBe(1));
    process.kill(server.context.engines[0]?.pid ?? 0, "SIGKILL");
    await vi.waitFor(async () => expect((await fetch(`${server.url}/ready`)).status).toBe(503));
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    expect((await drawing).status).toBe(200);
    expect((await fetch(`${server.url}/ready`)).status).toBe(200);
  });

  it("no end is counted against what was sent ahead", async () => {
    const own = await startTestServer();
    try {
      const bad = post(own, { prompt: "decodes, then dies late", steps: 2 });
      const good = post(own, { prompt: "a", steps: 2 });
      expect(await codeOf(await bad)).toBe("worker_lost");
      expect((await good).status).toBe(200);
    } finally {
      await own.stop(0);
    }
  });

  it("what can't be drawn together is drawn one at a time, in several orders too", async () => {
    const answer = await post(server, { prompt: "decodes, but not together", steps: 1, n: 8 });
    expect(answer.status).toBe(200);
    expect(((await answer.json()) as { data: unknown[] }).data).toHaveLength(8);
  });

  it("a picture that can't be encoded fails its job, and keeps no other waiting", async () => {
    const own = await startTestServer();
    try {
      const bad = post(own, { prompt: "bad pictures", steps: 10, n: 3 });
      const good = post(own, { prompt: "a", steps: 2 });
      expect((await bad).status).toBe(500);
      expect((await good).status).toBe(200);
      expect(own.context.dispatcher.pictures).toBe(0);
    } finally {
      await own.stop(0);
    }
  });

  it("no memory for one job is no failure of those drawn with it", async () => {
    const [bad, good] = await Promise.all([
      post(server, { prompt: "no memory", steps: 3 }),
      post(server, { prompt: "a", steps: 3 }),
    ]);
    expect(await codeOf(bad)).toBe("out_of_memory");
    expect(good?.status).toBe(200);
  });
});

describe("a process that can't be started again", () => {
  const folder = mkdtempSync(join(tmpdir(), "pixart-lost-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("keeps nobody waiting, says so to monitors, and draws again once its model is back", async () => {
    const model = join(folder, "model");
    writeFileSync(model, "");
    const lines: string[] = [];
    const server = await startTestServer({ models: [{ name: "one", place: model }], lines });
    const status = async (path: string): Promise<number> =>
      (await fetch(`${server.url}${path}`)).status;
    try {
      const drawing = post(server, { prompt: "a", steps: 100 });
      await vi.waitFor(() => expect(server.context.dispatcher.pictures).toBe(1));
      rmSync(model);
      process.kill(server.context.engines[0]?.pid ?? 0, "SIGKILL");
      expect(await codeOf(await drawing)).toBe("engine_unavailable");
      const late = await post(server, { prompt: "a", steps: 1 });
      expect([late.status, await codeOf(late)]).toEqual([503, "engine_unavailable"]);
      expect([await status("/health"), await status("/ready")]).toEqual([503, 503]);
      expect(lines.join()).toContain(`Expected a model but received ${model}`);
      writeFileSync(model, "");
      await vi.waitFor(async () => expect(await status("/ready")).toBe(200), 20_000);
      expect(await status("/health")).toBe(200);
      expect((await post(server, { prompt: "a", steps: 1 })).status).toBe(200);
    } finally {
      await server.stop(0);
    }
  });
});

describe("a process that hangs while it draws", () => {
  const lines: string[] = [];
  let server: RunningServer;
  beforeAll(async () => {
    const models = [{ name: "stand-in", place: "step=5" }];
    server = await startTestServer({ models, lookMs: 100, lines });
  });
  afterAll(() => server.stop(0));
  const restarts = async (): Promise<number | undefined> =>
    (await server.context.metrics.restarts.get()).values[0]?.value;

  it("may be silent for as long as it computes", async () => {
    expect((await post(server, { prompt: "computes", steps: 2 })).status).toBe(200);
    expect(await restarts()).toBe(0);
  });

  it("is replaced, and what it drew is drawn", async () => {
    const drawing = post(server, { prompt: "a", steps: 60 });
    await vi.waitFor(() => expect(server.context.dispatcher.pictures).toBe(1));
    const [pid] = server.context.engines.map((engine) => engine.pid);
    expect(pid).toBeGreaterThan(0);
    if (pid !== undefined) setTimeout(() => process.kill(pid, "SIGSTOP"), 100);
    expect((await drawing).status).toBe(200);
    expect(lines.join("")).toContain("hung for 1.2 s");
    expect(await restarts()).toBe(1);
  });

  it("fails its job when it hangs again", async () => {
    const [bad, good] = await Promise.all([
      post(server, { prompt: "hang", steps: 3 }),
      post(server, { prompt: "a", steps: 3 }),
    ]);
    expect([await codeOf(bad), good?.status]).toEqual(["worker_lost", 200]);
    expect(await restarts()).toBe(3);
  });

  it("does not keep the server from ending", async () => {
    const other = await startTestServer({ models: [{ name: "stand-in", place: "step=5" }] });
    const drawing = post(other, { prompt: "hang", steps: 3 });
    await vi.waitFor(() => expect(other.context.dispatcher.pictures).toBe(1));
    await other.stop(200);
    expect((await drawing).status).toBeGreaterThanOrEqual(500);
  });
});

describe("an end that was asked for", () => {
  const count = tries(5, 100);

  it(
    `takes nothing new, finishes what was begun, and leaves no process: ${count} times`,
    async () => {
      for (let i = 0; i < count; i++) {
        const server = await startTestServer({ models: [{ name: "stand-in", place: "step=30" }] });
        const pid = server.context.engines[0]?.pid ?? 0;
        const begun = [1, 2, 3].map(() => post(server, { prompt: "a", steps: 4, n: 2 }));
        await vi.waitFor(() => expect(server.context.running.size).toBe(3), { interval: 10 });
        // What was begun takes longer than that: a server that has nothing left to finish closes its connections.
        await new Promise((resolve) => setTimeout(resolve, (400 * i) / count));
        expect((await fetch(`${server.url}/ready`)).status).toBe(200);
        const start = performance.now();
        const stopped = server.stop();
        const ready = await fetch(`${server.url}/ready`);
        expect([ready.status, performance.now() - start < 1000]).toEqual([503, true]);
        const late = await post(server, { prompt: "b" });
        expect([late.status, late.headers.get("retry-after")]).toEqual([503, "5"]);
        expect(await codeOf(late)).toBe("shutting_down");
        for (const response of await Promise.all(begun)) {
          expect(response.status).toBe(200);
          expect(((await response.json()) as { data: unknown[] }).data).toHaveLength(2);
        }
        await stopped;
        expect(() => process.kill(pid, 0)).toThrow("ESRCH");
        await expect(fetch(`${server.url}/health`)).rejects.toThrow("fetch failed");
      }
    },
    6000 * (count + 20),
  );

  it("answers what can't be finished in time", async () => {
    const server = await startTestServer({ models: [{ name: "stand-in", place: "step=50" }] });
    const begun = post(server, { prompt: "a", steps: 400 });
    await vi.waitFor(() => expect(server.context.dispatcher.pictures).toBe(1));
    const stopped = server.stop(100);
    const response = await begun;
    expect([response.status, await codeOf(response)]).toEqual([503, "shutting_down"]);
    await stopped;
  });
});

describe("a start", () => {
  it("says why the models are refused", async () => {
    await expect(
      startTestServer({ models: [{ name: "none", place: "refuse/this" }] }),
    ).rejects.toThrow("Expected a model but received refuse/this");
  });

  it("is two processes side by side where there are two devices", async () => {
    const server = await startTestServer({
      models: [{ name: "stand-in", place: "step=50" }],
      engineCount: 2,
    });
    const drawing = Promise.all([1, 2].map(() => post(server, { prompt: "a", steps: 10 })));
    await vi.waitFor(() =>
      expect(server.context.engines.map(({ isIdle }) => isIdle)).toEqual([false, false]),
    );
    expect((await drawing).map(({ status }) => status)).toEqual([200, 200]);
    const tensors =
      server.context.metrics.registry.getSingleMetricAsString("pixart_engine_tensors");
    expect(await tensors).toMatch(/^pixart_engine_tensors 20$/m); // of both
    await server.stop(0);
  });
});

describe("what is sent ahead", () => {
  const endOf = async (response: Promise<Response>): Promise<number> => {
    expect((await response).status).toBe(200);
    return performance.now();
  };

  it("begins when the picture before it is decoded, or ends when its client cancels", async () => {
    const server = await startTestServer();
    const jobs = (): number => server.context.dispatcher.waiting;
    try {
      const first = endOf(post(server, { prompt: "decodes", steps: 2 }));
      const leaving = new AbortController();
      const { signal } = leaving;
      const left = post(server, { prompt: "a", steps: 100 }, signal).catch(() => "left");
      const last = endOf(post(server, { prompt: "b", steps: 2 }));
      await vi.waitFor(() => expect(jobs()).toBe(1)); // one is drawn, one was sent ahead
      leaving.abort();
      expect(await left).toBe("left");
      expect((await last) - (await first)).toBeLessThan(400); // of 100 steps, 500 ms
    } finally {
      await server.stop(0);
    }
  });

  it("is nothing while another process is idle", async () => {
    const server = await startTestServer({ engineCount: 2 });
    try {
      const [slow, quick] = await Promise.all([
        endOf(post(server, { prompt: "decodes", steps: 1 })),
        new Promise((resolve) => setTimeout(resolve, 100)).then(() =>
          endOf(post(server, { prompt: "a", steps: 1 })),
        ),
      ]);
      expect(quick).toBeLessThan(slow);
    } finally {
      await server.stop(0);
    }
  });
});

describe("a full queue", () => {
  const count = tries(100, 500);

  it(`refuses the rest of ${count} clients at once, and draws what it took`, async () => {
    const server = await startTestServer({ models: [{ name: "stand-in", place: "step=40" }] });
    const times: number[] = [];
    const statuses = await Promise.all(
      Array.from({ length: count }, async () => {
        const start = performance.now();
        const response = await post(server, { prompt: "a", steps: 1 });
        await response.text();
        if (response.status === 429) times.push(performance.now() - start);
        return response.status;
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(64);
    const worst = times.sort((a, b) => a - b).at(-1) ?? 0;
    console.info(`${times.length} of ${count} refused, the slowest after ${worst.toFixed(0)} ms`);
    await server.stop(0);
  });
});
