import { EventStream } from "../http/sse.ts";
import type { Job, JobEvent } from "../jobs/job.ts";
import { encodePreview } from "../pictures/encode-picture.ts";
import { sizeText } from "../pictures/picture-size.ts";
import { base64Of } from "./answers.ts";

/** Least time between two previews of a picture: a viewer sees no more. */
const PREVIEW_MS = 200;

/** Streams the events of a job to a watcher, who may join late and leave at any time. */
export function streamJob(job: Job, position: number | undefined): Response {
  let stop = (): void => {};
  const stream = new EventStream(() => stop());
  const lastPreviews = new Map<number, number>();
  const preview = async (event: Extract<JobEvent, { type: "preview" }>): Promise<void> => {
    if (!stream.keepsUp) return;
    const bytes = await encodePreview(event.image, "webp").catch(() => undefined);
    if (bytes === undefined) return; // the job goes on without it
    stream.send("preview", {
      picture: event.picture,
      index: event.index,
      step: event.step,
      total: event.total,
      size: sizeText(event.image),
      output_format: "webp",
      b64_json: base64Of(bytes),
    });
  };
  const hear = (event: JobEvent): void => {
    if (event.type === "preview") {
      const now = performance.now();
      if (now - (lastPreviews.get(event.picture) ?? -PREVIEW_MS) < PREVIEW_MS) return;
      lastPreviews.set(event.picture, now);
      stream.inOrder(() => preview(event));
      return;
    }
    stream.inOrder(() => tell(stream, job, event));
  };
  stop = job.listen(hear);
  hear(stateOf(job, position));
  return stream.response({});
}

function tell(stream: EventStream, job: Job, event: Exclude<JobEvent, { type: "preview" }>): void {
  const { type, ...rest } = event;
  const isLast = type === "completed" || type === "failed" || type === "cancelled";
  const data = event.type === "failed" ? event.error.toJSON() : { id: job.id, ...rest };
  stream.send(type, data);
  if (isLast) stream.close();
}

/** The event that describes the state of a job to a late watcher. */
function stateOf(job: Job, position: number | undefined): Exclude<JobEvent, { type: "preview" }> {
  switch (job.status) {
    case "queued":
      return { type: "queued", position: position ?? 0 };
    case "running":
      return { type: "progress", ...(job.step ?? { step: 0, total: job.request.settings.steps }) };
    case "failed":
      return job.error === undefined ? { type: "cancelled" } : { type: "failed", error: job.error };
    case "completed":
    case "cancelled":
      return { type: job.status };
  }
}
