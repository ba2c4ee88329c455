/** Additional content of an error answer. */
export interface ApiErrorOptions {
  /** The field that is wrong. */
  readonly param?: string | undefined;
  /** Seconds after which to retry. */
  readonly retryAfter?: number | undefined;
  /** Whether OpenAI's clients, which retry 500 by default, should retry. */
  readonly shouldRetry?: boolean | undefined;
  /** The methods that a path supports. */
  readonly allow?: readonly string[] | undefined;
}

/** OpenAI's kinds of errors, by status. */
const TYPES: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  429: "rate_limit_error",
};

/** An error answer in OpenAI's format, from which its clients read code, parameter and message. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly code: string;
  readonly param: string | undefined;
  readonly retryAfter: number | undefined;
  readonly shouldRetry: boolean | undefined;
  readonly allow: readonly string[] | undefined;

  constructor(status: number, code: string, message: string, options: ApiErrorOptions = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = options.param;
    this.retryAfter = options.retryAfter;
    this.shouldRetry = options.shouldRetry;
    this.allow = options.allow;
  }

  /** The body. */
  toJSON(): ErrorBody {
    const type =
      TYPES[this.status] ?? (this.status < 500 ? "invalid_request_error" : "server_error");
    return {
      error: { message: this.message, type, param: this.param ?? null, code: this.code },
    };
  }

  /** Headers that tell clients whether and when to retry. */
  get headers(): Record<string, string> {
    const { retryAfter, shouldRetry, allow } = this;
    return {
      ...(allow !== undefined && { allow: allow.join(", ") }),
      ...(retryAfter !== undefined && {
        "retry-after": String(Math.ceil(retryAfter)),
        "retry-after-ms": String(Math.ceil(retryAfter * 1000)),
      }),
      ...(shouldRetry !== undefined && { "x-should-retry": String(shouldRetry) }),
    };
  }
}

/** The answer to what would begin while the server is shutting down. */
export const shuttingDown = (): ApiError =>
  new ApiError(503, "shutting_down", "The server is shutting down", { retryAfter: 5 });

/** The answer of a server that has just started. */
export const modelLoading = (): ApiError =>
  new ApiError(503, "model_loading", "The models are being loaded", { retryAfter: 2 });

/** The answer of a server whose drawing processes have all ended and can't be restarted. */
export const engineUnavailable = (): ApiError =>
  new ApiError(
    503,
    "engine_unavailable",
    "Nothing can be drawn: the model or its device is gone; the server's log says what is missing",
    { retryAfter: 30 },
  );

/** The body of every error answer. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
  };
}

/** `Expected {what} for {param} but received {received}`, as an answer of status 400. */
export const badValue = (
  what: string,
  param: string,
  received: unknown,
  code = "invalid_value",
): ApiError =>
  new ApiError(400, code, `Expected ${what} for ${param} but received ${shown(received)}`, {
    param,
  });

const LONGEST = 60;

/** Formats a value for a message: short, with strings in quotes. Costs no more for a value of megabytes. */
function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value, (_key, part: unknown) => shortened(part)) ?? String(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** What of a text, a list or an object can be shown. */
function shortened(part: unknown): unknown {
  if (typeof part === "string" || Array.isArray(part)) return part.slice(0, LONGEST);
  if (typeof part !== "object" || part === null) return part;
  const entries: [string, unknown][] = [];
  for (const key in part) {
    if (entries.length === LONGEST) break;
    entries.push([key, (part as Record<string, unknown>)[key]]);
  }
  return Object.fromEntries(entries);
}
