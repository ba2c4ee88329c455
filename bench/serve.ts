// How a server answers while it draws, and what it costs: npx tsx bench/serve.ts [seconds] [pictures] [rounds], on a quiet
// machine, after `npm run build`.
// It speaks to `pixart serve emoji-demo` in processes of its own, as a user's clients would.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import autocannon from "autocannon";
import { median } from "./measure.ts";

const MAIN = fileURLToPath(new URL("../dist/bundle/main.js", import.meta.url));
const MODEL = "emoji-demo";
const [seconds = 20, pictures = 100, rounds = 3] = process.argv.slice(2).map(Number);

interface Server {
  readonly url: string;
  /** Milliseconds from its start to /ready. */
  readonly readyMs: number;
  readonly child: ChildProcess;
}

/** Starts the server, and asks until it is ready. */
async function start(...options: readonly string[]): Promise<Server> {
  const begin = performance.now();
  const args = [MAIN, "serve", MODEL, "--port", "0", "--log-level", "silent", ...options];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  const url = await new Promise<string>((resolve, reject) => {
    let said = "";
    child.stderr?.on("data", (chunk) => {
      said += chunk;
      const [, found] = /Listening at (\S+);/.exec(said) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.once("exit", () => reject(new Error(said)));
  });
  while ((await fetch(`${url}/ready`)).status !== 200)
    await new Promise((resolve) => setTimeout(resolve, 20));
  return { url, readyMs: performance.now() - begin, child };
}

async function stop({ child }: Server): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

const post = (url: string, body: unknown, init: RequestInit = {}): Promise<Response> =>
  fetch(`${url}/v1/images/generations`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...init,
  });

const print = (name: string, text: string): void => console.log(`${name.padEnd(44)} ${text}`);

/** Answers of /health at 100 requests a second. */
async function health(url: string): Promise<string> {
  const { latency, errors, non2xx } = await autocannon({
    url: `${url}/health`,
    connections: 4,
    overallRate: 100,
    duration: seconds,
  });
  const wrong = errors + non2xx === 0 ? "" : `, ${errors + non2xx} failed`;
  return `p50 ${latency.p50} ms, p97.5 ${latency.p97_5}, p99 ${latency.p99}, worst ${latency.max}${wrong}`;
}

/** Keeps the server drawing until it is told to stop. */
function keepDrawing(url: string): () => Promise<void> {
  let isOver = false;
  const drawing = Promise.all(
    [0, 1].map(async () => {
      while (!isOver) await (await post(url, { prompt: "a fox" })).arrayBuffer();
    }),
  );
  return async () => {
    isOver = true;
    await drawing;
  };
}

/** The event loop's delay since the server's start, as it tells Prometheus. */
async function loopDelay(url: string): Promise<string> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const [, p99 = "?"] = /^pixart_nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(text) ?? [];
  return `p99 ${(Number(p99) * 1000).toFixed(1)} ms`;
}

/** Milliseconds to the first preview, and those of a step. */
async function firstPreview(url: string): Promise<readonly [first: number, step: number]> {
  const steps = 40;
  const leaving = new AbortController();
  const begin = performance.now();
  const { signal } = leaving;
  const response = await post(
    url,
    { prompt: "a fox", steps, stream: true, partial_images: 1 },
    { signal },
  );
  const reader = response.body?.getReader();
  await reader?.read();
  const first = performance.now() - begin;
  for (;;) if ((await reader?.read())?.done ?? true) break;
  return [first, (performance.now() - begin) / steps];
}

/** What many clients get, and how soon the server refuses those that it has no place for. */
async function flood(url: string): Promise<string> {
  const statuses = await Promise.all(
    Array.from({ length: 500 }, async () => {
      const response = await post(url, { prompt: "a fox", steps: 1 });
      await response.arrayBuffer();
      return response.status;
    }),
  );
  const text = await (await fetch(`${url}/metrics`)).text();
  const bucket = (le: string): number => {
    const name = `pixart_request_duration_seconds_bucket{le="${le}",route="/v1/images/generations",status="429"}`;
    return Number(
      text
        .split("\n")
        .find((line) => line.startsWith(name))
        ?.split(" ")[1],
    );
  };
  const share = (100 * bucket("0.05")) / bucket("+Inf");
  const drawn = statuses.filter((status) => status === 200).length;
  return `${drawn} drawn, ${statuses.length - drawn} refused, ${share.toFixed(1)} % of them within 50 ms (bar 99 %)`;
}

/** Seconds that the server needs for a hundred pictures, two requests at a time so that it is never idle. */
async function serveAll(url: string): Promise<number> {
  const begin = performance.now();
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < pictures)
      await (await post(url, { prompt: "a fox", seed: next++ })).arrayBuffer();
  };
  await Promise.all([client(), client()]);
  return (performance.now() - begin) / 1000;
}

/** Seconds that `pixart sample` says it needed for the same pictures, its start left out. */
async function sampleAll(): Promise<number> {
  const out = mkdtempSync(join(tmpdir(), "pixart-bench-"));
  const args = [MAIN, "sample", MODEL, "a fox", "--images", String(pictures), "--out", out];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk) => {
    said += chunk;
  });
  await new Promise((resolve) => child.once("close", resolve));
  rmSync(out, { recursive: true });
  return Number(/pictures in ([\d.]+) s/.exec(said)?.[1]);
}

const cold: number[] = [];
for (let round = 0; round < rounds; round++) {
  const server = await start("--batch", "auto");
  cold.push(server.readyMs);
  await stop(server);
}
print("cold start to /ready (bar 5,000 ms)", `${cold.map((ms) => ms.toFixed(0)).join(", ")} ms`);

const server = await start("--batch", "1");
const { url } = server;
print("/health, idle", await health(url));
const enough = keepDrawing(url);
print("/health, while pictures are drawn (bar 50 ms)", await health(url));
print("event loop of the server (bar 50 ms)", await loopDelay(url));
await enough();
const previews: (readonly [first: number, step: number])[] = [];
for (let i = 0; i < 5; i++) previews.push(await firstPreview(url));
const beyond = previews.map(([first, step]) => first - step);
print(
  "first preview, beyond one step (bar 150 ms)",
  `${beyond.map((ms) => ms.toFixed(0)).join(", ")} ms`,
);
print("500 clients at once, the queue being 64", await flood(url));
const ratios: number[] = [];
for (let round = 0; round < rounds; round++) {
  const [served, sampled] = [await serveAll(url), await sampleAll()];
  ratios.push(served / sampled);
  print(`${pictures} pictures`, `served ${served.toFixed(1)} s, sampled ${sampled.toFixed(1)} s`);
}
print("served over sampled (bar 1.03)", median(ratios).toFixed(3));
await stop(server);
