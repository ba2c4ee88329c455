import type { Job } from "../jobs/job.ts";
import { sizeText } from "../pictures/picture-size.ts";
import type { ImagesAnswer, JobAnswer } from "./answer-schemas.ts";

/** How a picture is returned: inside the answer, or as a URL. */
export type Handover = (job: Job, picture: number) => { b64_json: string } | { url: string };

/** Encodes a file in base64. */
export const base64Of = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");

const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1000);

/** What a job cost: only the tokens of its prompt are counted. */
export const usageOf = (tokens: number): ImagesAnswer["usage"] => ({
  input_tokens: tokens,
  output_tokens: 0,
  total_tokens: tokens,
  input_tokens_details: { text_tokens: tokens, image_tokens: 0 },
});

/** The answer of a completed job. */
export function imagesAnswerOf(job: Job, handOver: Handover): ImagesAnswer {
  const { request, pictures } = job;
  const { model, settings } = request;
  const warnings = new Set([
    ...request.warnings,
    ...pictures.flatMap((picture) => picture?.warnings ?? []),
  ]);
  return {
    created: seconds(job.created),
    size: sizeText(request.size),
    output_format: request.format,
    quality: request.quality,
    background: "opaque",
    data: pictures.map((_, i) => ({ ...handOver(job, i), seed: request.seed + i })),
    usage: usageOf(pictures[0]?.tokens ?? 0),
    pixart: {
      model: model.name,
      model_hash: model.hash ?? null,
      steps: settings.steps,
      scheduler: settings.scheduler ?? model.sampler,
      guidance_scale: settings.guidanceScale,
      drawn_size: sizeText(settings),
      batched_with: job.company,
      seconds: Number(job.seconds.toFixed(3)),
      ignored: [...request.ignored],
      warnings: [...warnings],
    },
  };
}

/** The description of a job, with its pictures once it is completed. */
export function jobAnswerOf(
  job: Job,
  queue: { readonly position: number | undefined; readonly seconds: number },
  handOver: Handover,
): JobAnswer {
  const isWaiting = !job.isOver;
  return {
    id: job.id,
    object: "job",
    status: job.status,
    created: seconds(job.created),
    position: job.status === "queued" ? (queue.position ?? null) : null,
    estimated_seconds: isWaiting ? Number(queue.seconds.toFixed(1)) : null,
    step: job.step?.step ?? null,
    total: job.step?.total ?? null,
    pictures_done: job.picturesDone,
    pictures: job.pictures.length,
    result: job.status === "completed" ? imagesAnswerOf(job, handOver) : null,
    error: job.error?.toJSON().error ?? null,
  };
}
