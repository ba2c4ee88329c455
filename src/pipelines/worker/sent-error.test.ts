import { describe, expect, it } from "vitest";
import {
  InvalidStateError,
  InvalidTypeError,
  InvalidValueError,
  RunError,
} from "../../errors/index.ts";
import { MissingFileError } from "../../files/reading/errors.ts";
import { DiskFullError } from "../../files/write-error.ts";
import { UnknownRevisionError } from "../../hub/errors.ts";
import { ImageError } from "../../images/index.ts";
import { TensorDisposedError } from "../../torch/index.ts";
import { receiveError, sendError } from "./sent-error.ts";

const sent = (error: unknown): Error => receiveError(structuredClone(sendError(error)));

describe("an error between threads", () => {
  it.each([
    new InvalidValueError("a"),
    new InvalidTypeError("b"),
    new InvalidStateError("c"),
    new RunError("ERR_LOCK_HELD", "d", { cause: new ImageError("x.png", "it is none") }),
    new MissingFileError("/x", "a model"),
    new UnknownRevisionError("e"),
    new TensorDisposedError("f"),
    new DiskFullError(
      { path: "/x", aim: "write" },
      { code: "ENOSPC", found: "a full disk", freeBytes: 7 },
    ),
  ])("stays what it is: $name $code", (error) => {
    const received = sent(error);
    expect(received).toBeInstanceOf(error.constructor);
    expect({ ...received, message: received.message, stack: received.stack }).toEqual({
      ...error,
      message: error.message,
      stack: error.stack,
    });
    expect(received.cause).toEqual(error.cause);
  });

  it("is of the nearest class that both know, under its own name", () => {
    class Stranger extends InvalidValueError {
      readonly count = 3;
    }
    const received = sent(new Stranger("g"));
    expect(Object.getPrototypeOf(received)).toBe(InvalidValueError.prototype);
    expect(received).toMatchObject({ code: "ERR_INVALID_VALUE", count: 3, message: "g" });
    const stopped = sent(new DOMException("stopped", "AbortError"));
    expect(Object.getPrototypeOf(stopped)).toBe(Error.prototype);
    expect(stopped.name).toBe("AbortError");
    expect(sent("a text")).toEqual(new Error("a text"));
  });
});
