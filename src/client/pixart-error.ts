/** Thrown for a request that a server refuses or can't fulfil. */
export class PixartError extends Error {
  override readonly name = "PixartError";
  /** HTTP status of the answer; 0 if a job failed later. */
  readonly status: number;
  /** `invalid_size`, `queue_full`, … */
  readonly code: string;
  /** The wrong field, if any. */
  readonly param: string | undefined;
  /** Seconds after which to retry. */
  readonly retryAfter: number | undefined;

  constructor(
    status: number,
    { message, code, param }: { message: string; code: string; param: string | null },
    retryAfter?: number,
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param ?? undefined;
    this.retryAfter = retryAfter;
  }
}

/** The error of an answer, even if a proxy sent it. */
export async function errorOf(response: Response): Promise<PixartError> {
  const wait = response.headers.get("retry-after");
  const retryAfter = wait === null ? undefined : Number(wait);
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as {
      error: { message: string; code: string; param: string | null };
    };
    return new PixartError(response.status, error, retryAfter);
  } catch {
    const message = `Expected an answer of pixart serve but received status ${response.status}`;
    return new PixartError(
      response.status,
      { message, code: "no_answer", param: null },
      retryAfter,
    );
  }
}
