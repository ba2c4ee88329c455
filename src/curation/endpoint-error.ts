import { type ErrorCode, knownClasses } from "../errors/index.ts";

/**
 * Why a caption did not come: `later` may be better at another try; `picture` is this picture's or
 * this answer's fault; `endpoint` would be the same for every picture, so that the run ends.
 */
export type EndpointFault = "later" | "picture" | "endpoint";

/** An endpoint that gave no caption: where, what it answered, and what to do. */
export class EndpointError extends Error {
  override readonly name = "EndpointError";
  readonly code = "ERR_ENDPOINT" satisfies ErrorCode;
  readonly fault: EndpointFault;
  /** How long the endpoint asks to be left alone, in ms. */
  readonly waitMs: number | undefined;

  constructor(fault: EndpointFault, message: string, options?: ErrorOptions & { waitMs?: number }) {
    super(message, options);
    this.fault = fault;
    this.waitMs = options?.waitMs;
  }
}

knownClasses(EndpointError);
