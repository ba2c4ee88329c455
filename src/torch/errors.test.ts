import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { InvalidTypeError } from "../errors/index.ts";
import { native } from "./binding.ts";
import * as torch from "./index.ts";

/** What a body throws. */
function thrownBy(body: () => unknown): Error {
  try {
    body();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("no error was thrown");
}

describe("TorchError", () => {
  it("names the operator and the shapes it got, with libtorch's reason", () => {
    const error = thrownBy(() => torch.zeros([2, 3]).matmul(torch.zeros([4, 5])));
    expect(error).toBeInstanceOf(torch.TorchError);
    expect(error.name).toBe("TorchError");
    expect(error.message).toBe(
      "aten::matmul(self float32(2, 3), other float32(4, 5)): mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)",
    );
  });

  it("is an InvalidTypeError for arguments of another type, which it names", () => {
    const x = torch.zeros([2]);
    const wrong = (value: unknown): number => value as number;
    expect(() => x.softmax(wrong("last"))).toThrow(
      new InvalidTypeError(
        "aten::softmax.int(self float32(2)): Expected an integer for dim but received string",
      ),
    );
    expect(() => x.softmax(wrong(undefined))).toThrow(
      new InvalidTypeError(
        "aten::softmax.int(self float32(2)): Expected a value for dim but received none",
      ),
    );
    expect(() => x.add(wrong({}))).toThrow(
      new InvalidTypeError(
        "aten::add.Tensor(self float32(2)): Expected a value for other but received none",
      ),
    );
  });

  it.each([
    ["aten::softmax.int", "dtype", (code: number) => [0, code]],
    ["aten::to.dtype", "dtype", (code: number) => [code]],
    ["aten::zeros_like", "layout", (code: number) => [undefined, code]],
    ["aten::clone", "memory_format", (code: number) => [code]],
  ] as const)("refuses numbers that %s has no %s for", (name, argument, rest) => {
    const x = torch.zeros([2]);
    const operator = native.resolve(name);
    for (const code of [-1, 99, 2 ** 50]) {
      expect(() => native.call(operator, x.handle, ...rest(code))).toThrow(
        new RegExp(`Expected a code from 0 to \\d+ for ${argument} but received ${code}$`),
      );
    }
  });

  it("has one paragraph: no dispatch table, no C++ frames, no advice on linking", () => {
    const failures = [
      () => torch.zeros([2, 3]).matmul(torch.zeros([4, 5])),
      () => torch.zeros([2], { dtype: "int64" }).mean(),
      () => torch.functional.conv2d(torch.zeros([1, 2, 4, 4]), torch.zeros([1, 3, 1, 1])),
      () => torch.zeros([1], { device: "xla" }),
      () => torch.generator(1, "xla"),
    ];
    for (const failure of failures) {
      const { message } = thrownBy(failure);
      expect(message.length).toBeLessThan(250);
      expect(message).not.toMatch(/registered at|Exception raised from|frame #|backends: \[/);
    }
  });

  it.each([
    "aten::zeros(): Could not run 'aten::empty.memory_format' with arguments from the 'CUDA' backend. This could be because the operator doesn't exist for this backend, or was omitted.",
    "aten::zeros(): Could not run 'aten::empty.memory_format' with arguments from the 'CUDA' backend.\n\nCPU: registered at /build/RegisterCPU.cpp:1 [kernel]",
    "aten::zeros(): Could not run 'aten::empty.memory_format' with arguments from the 'CUDA' backend.\nException raised from f at g.cpp:1 (most recent call first):\nframe #0: h",
  ])("cuts what libtorch adds: %s", (text) => {
    expect(new torch.TorchError(text).message).toBe(
      "aten::zeros(): Could not run 'aten::empty.memory_format' with arguments from the 'CUDA' backend.",
    );
  });

  it("has a stack that leads to the line that called", () => {
    let calledFrom = "";
    const call = (): unknown => {
      calledFrom = new Error().stack?.split("\n")[1] ?? "";
      return torch.zeros([2]).add(torch.zeros([3]));
    };
    const frames = (thrownBy(call).stack ?? "").split("\n").filter((line) => /^ {4}at /.test(line));
    const line = (frame = ""): number => Number(/:(\d+):\d+\)?$/.exec(frame)?.[1]);
    expect(frames[0]).toMatch(/Tensor\.add .*ops\.gen\.ts/);
    expect(frames[1]).toContain(fileURLToPath(import.meta.url));
    expect(line(frames[1])).toBe(line(calledFrom) + 1);
  });
});
