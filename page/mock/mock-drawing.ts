import type { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import type { JobAnswer } from "../../src/server/answers/answer-schemas.ts";
import { drawnPng, picture, subjectOf } from "./mock-pictures.ts";

const SIDE = 256;

interface Job {
  readonly id: string;
  readonly prompt: string;
  readonly seed: number;
  readonly n: number;
  readonly steps: number;
  readonly model: string;
  step: number;
  status: JobAnswer["status"];
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Adds drawing by jobs, as the page uses it. A prompt with "fail" in it fails. */
export function addMockDrawing(app: Hono, stepMs: number): void {
  const jobs = new Map<string, Job>();
  const begin = async (c: {
    req: { json: () => Promise<Record<string, unknown>> };
    json: (body: unknown, status: 202 | 400) => Response;
  }): Promise<Response> => {
    const body = await c.req.json();
    if (body.size === "7x7") {
      const message = "Expected a size of at least 64x64 for size but received 7x7";
      const error = { message, type: "invalid_request_error", param: "size", code: "invalid_size" };
      return c.json({ error }, 400);
    }
    const job: Job = {
      id: `job_${jobs.size + 1}`,
      prompt: String(body.prompt),
      seed: Number(body.seed ?? 7),
      n: Number(body.n ?? 1),
      steps: Number(body.steps ?? 20),
      model: String(body.model),
      step: 0,
      status: "queued",
    };
    jobs.set(job.id, job);
    void draw(job, stepMs);
    return c.json(await answerOf(job), 202);
  };
  app.post("/v1/images/generations", begin);
  app.post("/v1/images/edits", begin);
  app.get("/v1/jobs/:id", async (c) => {
    const job = jobs.get(c.req.param("id"));
    return job === undefined ? c.notFound() : c.json(await answerOf(job));
  });
  app.delete("/v1/jobs/:id", async (c) => {
    const job = jobs.get(c.req.param("id"));
    if (job === undefined) return c.notFound();
    job.status = "cancelled";
    return c.json(await answerOf(job));
  });
  app.get("/v1/jobs/:id/events", (c) => {
    const job = jobs.get(c.req.param("id"));
    if (job === undefined) return c.notFound();
    return streamSSE(c, async (stream) => {
      const send = (event: string, data: object): Promise<void> =>
        stream.writeSSE({ event, data: JSON.stringify({ id: job.id, ...data }) });
      await send("queued", { position: 2 });
      let told = 0;
      while (job.status === "queued" || job.status === "running") {
        if (job.step > told) {
          told = job.step;
          await send("progress", { step: told, total: job.steps });
          for (let i = 0; i < job.n; i++) {
            const bytes = await picture(subjectOf(job.prompt, job.seed + i), told / job.steps, 64);
            const b64_json = bytes.toString("base64");
            const place = { picture: i, step: told, total: job.steps };
            await send("preview", { ...place, output_format: "webp", b64_json });
          }
        }
        await wait(5);
      }
      await send(job.status, {});
    });
  });
}

async function draw(job: Job, stepMs: number): Promise<void> {
  await wait(2 * stepMs);
  if (job.status === "queued") job.status = "running";
  while (job.status === "running" && job.step < job.steps) {
    await wait(stepMs);
    job.step += 1;
  }
  if (job.status === "running") job.status = job.prompt.includes("fail") ? "failed" : "completed";
}

async function answerOf(job: Job): Promise<JobAnswer> {
  const pictures = Array.from({ length: job.n }, async (_, i) => {
    const seed = job.seed + i;
    const png = await drawnPng(subjectOf(job.prompt, seed), job.prompt, seed, SIDE);
    return { b64_json: Buffer.from(png).toString("base64"), seed };
  });
  const isDone = job.status === "completed";
  return {
    id: job.id,
    object: "job",
    status: job.status,
    created: 0,
    position: null,
    estimated_seconds: null,
    step: job.status === "queued" ? null : job.step,
    total: job.status === "queued" ? null : job.steps,
    pictures_done: isDone ? job.n : 0,
    pictures: job.n,
    result: !isDone
      ? null
      : {
          created: 0,
          size: `${SIDE}x${SIDE}`,
          output_format: "png",
          quality: "auto",
          background: "opaque",
          data: await Promise.all(pictures),
          usage: {
            input_tokens: 6,
            output_tokens: 0,
            total_tokens: 6,
            input_tokens_details: { text_tokens: 6, image_tokens: 0 },
          },
          pixart: {
            model: job.model,
            model_hash: null,
            steps: job.steps,
            scheduler: "dpm-solver++",
            guidance_scale: 4.5,
            drawn_size: "64x64",
            batched_with: 0,
            seconds: 1.9,
            ignored: [],
            warnings: [],
          },
        },
    error:
      job.status === "failed"
        ? {
            message: "The picture could not be drawn: out of memory",
            type: "server_error",
            param: null,
            code: "out_of_memory",
          }
        : null,
  };
}
