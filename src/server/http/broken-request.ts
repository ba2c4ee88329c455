import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { ApiError } from "./api-error.ts";

/** Node.js's errors for bytes that are not a request, as answers. */
const ANSWERS: Readonly<Record<string, ApiError>> = {
  HPE_HEADER_OVERFLOW: new ApiError(431, "headers_too_large", "Expected headers of at most 16 kB"),
  ERR_HTTP_REQUEST_TIMEOUT: new ApiError(
    408,
    "request_timeout",
    "The request did not arrive in time",
  ),
};
const NO_REQUEST = new ApiError(400, "invalid_request", "Expected an HTTP/1.1 request");

/** Whether an answer has begun, into which nothing else may be written: Node.js's own check, for want of a public one. */
const isAnswering = (socket: Duplex): boolean =>
  (socket as { _httpMessage?: { headersSent: boolean } | null })._httpMessage?.headersSent === true;

/** Answers, in the format of all errors, a connection whose bytes are not a valid request. */
export function answerBrokenRequest(error: Error, socket: Duplex): void {
  const { code = "" } = error as NodeJS.ErrnoException;
  if (!socket.writable || code === "ECONNRESET" || isAnswering(socket)) {
    socket.destroy();
    return;
  }
  const answer = ANSWERS[code] ?? NO_REQUEST;
  const body = JSON.stringify(answer);
  const head = [
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
