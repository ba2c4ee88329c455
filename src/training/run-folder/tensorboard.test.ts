import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import protobuf from "protobufjs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TensorBoardWriter } from "./tensorboard.ts";

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "pixart-board-")), "a", "stage");
});
afterEach(() => rmSync(join(folder, "..", ".."), { recursive: true }));

/** CRC-32C by its definition, bit by bit. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

const unmasked = (checksum: number): number => {
  const rotated = (checksum - 0xa282ead8) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
};

/** The records of a file, whose checksums it checks. */
function records(file: string): Buffer[] {
  const bytes = readFileSync(file);
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(unmasked(bytes.readUInt32LE(at + 8))).toBe(crc32c(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(unmasked(bytes.readUInt32LE(at + 12 + length))).toBe(crc32c(data));
    found.push(data);
    at += length + 16;
  }
  return found;
}

/** Fields of a protobuf message by number; integers, doubles, floats, and bytes as they stand in it. */
function fields(message: Uint8Array): Map<number, number | Uint8Array> {
  const reader = protobuf.Reader.create(message);
  const found = new Map<number, number | Uint8Array>();
  while (reader.pos < reader.len) {
    const key = reader.uint32();
    const type = key & 7;
    const value =
      type === 0
        ? Number(reader.int64())
        : type === 1
          ? reader.double()
          : type === 5
            ? reader.float()
            : reader.bytes();
    found.set(key >>> 3, value);
  }
  return found;
}

const inner = (
  message: Map<number, number | Uint8Array>,
  field: number,
): Map<number, number | Uint8Array> => fields(message.get(field) as Uint8Array);
const text = (value: number | Uint8Array | undefined): string =>
  Buffer.from(value as Uint8Array).toString();

const written = (): Map<number, number | Uint8Array>[] =>
  readdirSync(folder)
    .sort()
    .flatMap((file) => records(join(folder, file)).map(fields));

describe("TensorBoardWriter", () => {
  it("begins with the version", () => {
    const before = Date.now() / 1000;
    new TensorBoardWriter(folder)[Symbol.dispose]();
    const [event, ...rest] = written();
    expect(rest).toEqual([]);
    expect(text(event?.get(3))).toBe("brain.Event:2");
    expect(event?.get(1)).toBeGreaterThanOrEqual(before);
    expect(event?.get(1)).toBeLessThanOrEqual(Date.now() / 1000);
    expect(readdirSync(folder)[0]).toMatch(/^events\.out\.tfevents\.\d{10}\./);
  });

  it("writes scalars", () => {
    {
      using board = new TensorBoardWriter(folder);
      board.scalar("loss", 2 ** 40, 0.1);
      board.scalar("lr", 3, Number.NaN);
    }
    const [, loss, lr] = written().map((event) => {
      const value = event.has(5) ? inner(inner(event, 5), 1) : new Map();
      return { step: event.get(2), tag: value.has(1) && text(value.get(1)), value: value.get(2) };
    });
    expect(loss).toEqual({ step: 2 ** 40, tag: "loss", value: Math.fround(0.1) });
    expect(lr).toEqual({ step: 3, tag: "lr", value: Number.NaN });
  });

  it("writes pictures", () => {
    const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0, 255);
    {
      using board = new TensorBoardWriter(folder);
      board.image("samples", 7, png, { width: 30, height: 20 });
    }
    const event = written()[1];
    const value = inner(inner(event ?? new Map(), 5), 1);
    const image = inner(value, 4);
    expect([event?.get(2), text(value.get(1))]).toEqual([7, "samples"]);
    expect([image.get(1), image.get(2), image.get(3)]).toEqual([20, 30, 3]);
    expect(Uint8Array.from(image.get(4) as Uint8Array)).toEqual(png);
  });

  it("tells of a resume in a file of its own", () => {
    new TensorBoardWriter(folder)[Symbol.dispose]();
    new TensorBoardWriter(folder, 400)[Symbol.dispose]();
    const [, version, start] = written();
    expect(readdirSync(folder)).toHaveLength(2);
    expect(text(version?.get(3))).toBe("brain.Event:2");
    expect(start?.get(2)).toBe(401);
    expect(inner(start ?? new Map(), 7).get(1)).toBe(1);
  });
});
