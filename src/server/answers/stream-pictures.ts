import { ApiError } from "../http/api-error.ts";
import { EventStream } from "../http/sse.ts";
import type { Job, JobEvent } from "../jobs/job.ts";
import { encodePreview } from "../pictures/encode-picture.ts";
import { sizeText } from "../pictures/picture-size.ts";
import { base64Of, usageOf } from "./answers.ts";

/** Headers of a stream, and a callback for its end. */
export interface StreamOptions {
  readonly headers: Record<string, string>;
  /** The reader has disconnected. */
  readonly onGone: () => void;
}

/** Streams a job as OpenAI's events: partial pictures, and each finished one. */
export function streamPictures(job: Job, { headers, onGone }: StreamOptions): Response {
  const { request } = job;
  const stream = new EventStream(onGone);
  const common = {
    created_at: Math.floor(job.created / 1000),
    quality: request.quality,
    background: "opaque",
    output_format: request.format,
  };
  const preview = async (event: Extract<JobEvent, { type: "preview" }>): Promise<void> => {
    if (!stream.keepsUp || job.pictures[event.picture] !== undefined) return;
    const { image } = event;
    const bytes = await encodePreview(image, request.format).catch(() => undefined);
    if (bytes === undefined) return; // the job goes on without it
    stream.send(`${request.endpoint}.partial_image`, {
      type: `${request.endpoint}.partial_image`,
      b64_json: base64Of(bytes),
      partial_image_index: event.index,
      ...common,
      size: sizeText(image),
      image_index: event.picture,
      step: event.step,
      total: event.total,
    });
  };
  const completed = (picture: number): void => {
    const finished = job.pictures[picture];
    if (finished === undefined) return;
    stream.send(`${request.endpoint}.completed`, {
      type: `${request.endpoint}.completed`,
      b64_json: base64Of(finished.bytes),
      ...common,
      size: sizeText(request.size),
      usage: usageOf(finished.tokens),
      image_index: picture,
      seed: finished.seed,
    });
  };
  job.listen((event) => {
    switch (event.type) {
      case "preview":
        stream.inOrder(() => preview(event));
        break;
      case "picture":
        stream.inOrder(() => completed(event.picture));
        break;
      case "failed":
        stream.inOrder(() => stream.send("error", event.error.toJSON()));
        stream.inOrder(() => stream.close());
        break;
      case "cancelled":
        stream.inOrder(() => stream.send("error", cancelled().toJSON()));
        stream.inOrder(() => stream.close());
        break;
      case "completed":
        stream.inOrder(() => stream.close());
        break;
    }
  });
  return stream.response(headers);
}

/** The error for a caller whose job somebody else has cancelled. */
export const cancelled = (): ApiError =>
  new ApiError(409, "cancelled", "The job was cancelled", { shouldRetry: false });
