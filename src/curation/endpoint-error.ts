import { type ErrorCode, knownClasses } from "../errors/index.ts";

/**
 * Why a caption failed: `later` may succeed on another try; `picture` is caused by this picture or this answer; `endpoint` would
 * be the same for every picture, so that the run ends.
 */
export type EndpointFault = "later" | "picture" | "endpoint";

/** Thrown when an endpoint gave no caption: which one, what it answered, and what to do. */
export class EndpointError extends Error {
  override readonly name = "EndpointError";
  readonly code = "ERR_ENDPOINT" satisfies ErrorCode;
  readonly fault: EndpointFault;
  /** How long the endpoint asks to wait, in ms. */
  readonly waitMs: number | undefined;

  constructor(fault: EndpointFault, message: string, options?: ErrorOptions & { waitMs?: number }) {
    super(message, options);
    this.fault = fault;
    this.waitMs = options?.waitMs;
  }
}

knownClasses(EndpointError);
