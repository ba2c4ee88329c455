import { randomBytes } from "node:crypto";
import { base64Of, type Handover, imagesAnswerOf, jobAnswerOf } from "../answers/answers.ts";
import { cancelled, streamPictures } from "../answers/stream-pictures.ts";
import type { App, AppContext } from "../app-types.ts";
import { modelLoading, shuttingDown } from "../http/api-error.ts";
import { requireRoomForStream } from "../http/sse.ts";
import { Job } from "../jobs/job.ts";
import type { DrawRequest, Endpoint } from "../requests/draw-request.ts";
import { requireEngine, type ServerContext } from "../server-context.ts";
import { readEdit, readGeneration } from "./read-drawing.ts";

/** Adds OpenAI's two drawing endpoints. */
export function addImageRoutes(app: App, server: ServerContext): void {
  const draw =
    (endpoint: Endpoint, read: typeof readGeneration) =>
    async (c: AppContext): Promise<Response> => {
      requireServing(server);
      const client = c.get("client");
      server.dispatcher.requireRoom(client, 1); // before a body is read
      const drawing = await read(c.req.raw, server);
      server.dispatcher.requireRoom(client, drawing.request.count); // before anything is decoded
      const request = { ...drawing.request, endpoint, images: await drawing.decode() };
      return answer(c, server, request);
    };
  app.post("/v1/images/generations", draw("image_generation", readGeneration));
  app.post("/v1/images/edits", draw("image_edit", readEdit));
}

/** Throws while models are loading, where they can't be loaded again, and once the server is shutting down. */
function requireServing(server: ServerContext): void {
  const { models, firstModel, loader, isDraining } = server;
  if (isDraining()) throw shuttingDown();
  requireEngine(server);
  if (loader === undefined && !models().has(firstModel)) throw modelLoading();
}

async function answer(
  c: AppContext,
  server: ServerContext,
  request: DrawRequest,
): Promise<Response> {
  const { dispatcher, running, results } = server;
  const { signal } = c.req.raw;
  const client = c.get("client");
  const isAsync = /(^|[,;\s])respond-async\b/i.test(c.req.header("prefer") ?? "");
  if (request.isStreamed && !isAsync) requireRoomForStream();
  if (signal.aborted) throw cancelled(); // nobody would learn of the job
  dispatcher.requireRoom(client, request.count);
  const job = new Job(client, request);
  running.set(job.id, job);
  void job.end.then(() => {
    running.delete(job.id);
    server.metrics.jobs.inc({ status: job.status });
    if (isAsync) results.set(job.id, job, bytesOf(job));
  });
  const headers = { "pixart-job": job.id };
  if (isAsync) {
    dispatcher.add(job);
    return c.json(jobAnswer(server, c, job), 202, {
      ...headers,
      location: `/v1/jobs/${job.id}`,
      "preference-applied": "respond-async",
    });
  }
  // A caller who disconnects no longer wants pictures.
  const hangUp = (): void => dispatcher.cancel(job);
  signal.addEventListener("abort", hangUp, { once: true });
  if (request.isStreamed) {
    const response = streamPictures(job, { headers, onGone: hangUp });
    dispatcher.add(job);
    return response;
  }
  dispatcher.add(job);
  await job.end;
  if (job.error !== undefined) throw job.error;
  if (job.status === "cancelled") throw cancelled();
  return c.json(imagesAnswerOf(job, handover(server, c)), 200, {
    ...headers,
    "pixart-seconds": job.seconds.toFixed(3),
  });
}

/** The description of a job for a caller who may fetch its pictures. */
export const jobAnswer = (
  server: ServerContext,
  c: AppContext,
  job: Job,
): ReturnType<typeof jobAnswerOf> => {
  const { dispatcher } = server;
  const queue = { position: dispatcher.position(job), seconds: dispatcher.estimate(job) };
  return jobAnswerOf(job, queue, handover(server, c));
};

/** Pictures in base64, or kept for an hour under an unguessable URL. */
function handover({ files, publicUrl }: ServerContext, c: AppContext): Handover {
  return (job, index) => {
    const { bytes } = job.pictures[index] ?? { bytes: new Uint8Array() };
    if (!job.request.asUrl) return { b64_json: base64Of(bytes) };
    const { format } = job.request;
    const name = job.fileNames[index] ?? `${randomBytes(16).toString("hex")}.${format}`;
    job.fileNames[index] = name;
    files.set(name, { bytes, format }, bytes.byteLength);
    return { url: `${publicUrl ?? new URL(c.req.url).origin}/files/${name}` };
  };
}

const bytesOf = ({ pictures }: Job): number =>
  pictures.reduce((sum, picture) => sum + (picture?.bytes.byteLength ?? 0), 4096);
