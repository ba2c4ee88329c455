/**
 * How long the event loop waits while pictures are drawn, in this thread and in a worker, and what the worker costs:
 * `npx tsx bench/in-worker.ts [model] [pictures] [steps]`. Delays beyond a timer's 5 ms, in milliseconds.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { PixArtAlphaPipeline } from "../src/pipelines/index.ts";

const [model = "emoji-demo", pictures = "4", steps = "20"] = process.argv.slice(2);
const options = {
  seed: 0,
  numImagesPerPrompt: Number(pictures),
  numInferenceSteps: Number(steps),
};
const prompt = "a fox, noto style";
const RESOLUTION_MS = 5;

/** As long as nothing is drawn: what others on the machine do to the delays. */
const IDLE_MS = 5000;

type Draw = (prompt: string, options: object) => Promise<unknown>;

async function measure(where: string, draw: Draw): Promise<void> {
  await draw(prompt, { ...options, numInferenceSteps: 1 });
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const start = performance.now();
  await draw(prompt, options);
  const seconds = (performance.now() - start) / 1000;
  delay.disable();
  const [half, most, max] = [delay.percentile(50), delay.percentile(99), delay.max].map((ns) =>
    Math.max(0, ns / 1e6 - RESOLUTION_MS).toFixed(1),
  );
  console.log(`${where}: ${seconds.toFixed(2)} s; delay p50 ${half}, p99 ${most}, max ${max} ms`);
}

await measure("nothing    ", () => setTimeout(IDLE_MS));
const here = await PixArtAlphaPipeline.fromPretrained(model);
await measure("this thread", here);
here.dispose();
const there = await PixArtAlphaPipeline.inWorker(model);
await measure("a worker   ", there);
await measure("told steps ", (text, given) => there(text, { ...given, onStep: () => {} }));
await there.dispose();
