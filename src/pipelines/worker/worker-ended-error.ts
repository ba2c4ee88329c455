/** The thread of a pipeline in a worker has ended; the message says why. What it was drawing is lost, and it draws no more. */
export class WorkerEndedError extends Error {
  override readonly name = "WorkerEndedError";
  /** `ERR_PIPELINE_DISPOSED` where it was asked to end. */
  readonly code: "ERR_WORKER_ENDED" | "ERR_PIPELINE_DISPOSED";

  constructor(place: string, why: string | undefined) {
    super(
      why === undefined
        ? `The pipeline of ${place} in a worker was disposed`
        : `The thread that drew with ${place} ended: ${why}. Load the pipeline again with inWorker()`,
    );
    this.code = why === undefined ? "ERR_PIPELINE_DISPOSED" : "ERR_WORKER_ENDED";
  }
}
