import { hostname } from "node:os";
import { join } from "node:path";
import { crc32c } from "@aws-crypto/crc32c";
import protobuf from "protobufjs";
import { GrowingFile } from "../../files/growing-file.ts";
import { makeWithParent } from "../../files/make-below.ts";

// The fields in use of tensorflow's core/util/event.proto and core/framework/summary.proto.
const eventType = protobuf
  .parse(`
    syntax = "proto3";
    message Event {
      double wallTime = 1;
      int64 step = 2;
      oneof what { string fileVersion = 3; Summary summary = 5; SessionLog sessionLog = 7; }
    }
    message SessionLog { int32 status = 1; }
    message Summary { repeated Value value = 1; }
    message Value {
      string tag = 1;
      oneof kind { float simpleValue = 2; Image image = 4; }
    }
    message Image { int32 height = 1; int32 width = 2; int32 colorspace = 3; bytes encodedImageString = 4; }
  `)
  .root.lookupType("Event");

const sessionStart = 1;
const rgb = 3;
let filesMade = 0;

/** Writes an event file for TensorBoard: scalars and pictures by tag and step. */
export class TensorBoardWriter implements Disposable {
  readonly #file: GrowingFile;

  /**
   * Creates a file next to those that earlier processes wrote.
   * @param folder a run in TensorBoard's sense, created if missing; it has a single step count
   * @param resumedAfter the step after which a resumed run continues: TensorBoard discards what earlier files contain beyond it
   */
  constructor(folder: string, resumedAfter?: number) {
    makeWithParent(folder);
    const seconds = Math.floor(Date.now() / 1000);
    const name = `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${filesMade++}`;
    this.#file = GrowingFile.create(join(folder, name));
    this.#append({ fileVersion: "brain.Event:2" });
    if (resumedAfter !== undefined) this.goBack(resumedAfter);
  }

  /** Continues after an earlier step: TensorBoard discards what was written beyond it. */
  goBack(step: number): void {
    this.#append({ step: step + 1, sessionLog: { status: sessionStart } });
  }

  /** Adds a point to a curve; TensorBoard keeps it in single precision. */
  scalar(tag: string, step: number, value: number): void {
    this.#append({ step, summary: { value: [{ tag, simpleValue: value }] } });
  }

  /** Adds a picture, given as the bytes of a PNG file. */
  image(
    tag: string,
    step: number,
    png: Uint8Array,
    size: { readonly width: number; readonly height: number },
  ): void {
    const { width, height } = size;
    const image = { height, width, colorspace: rgb, encodedImageString: png };
    this.#append({ step, summary: { value: [{ tag, image }] } });
  }

  /** A record of tensorflow's core/lib/io/record_writer.cc: length, its checksum, the event, its checksum. */
  #append(event: Readonly<Record<string, unknown>>): void {
    const data = eventType.encode({ wallTime: Date.now() / 1000, ...event }).finish();
    const record = Buffer.alloc(data.length + 16);
    record.writeBigUInt64LE(BigInt(data.length));
    record.writeUInt32LE(maskedChecksum(record.subarray(0, 8)), 8);
    record.set(data, 12);
    record.writeUInt32LE(maskedChecksum(data), data.length + 12);
    this.#file.append(record);
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }
}

/** CRC-32C, rotated and shifted as in tensorflow's core/lib/hash/crc32c.h. */
function maskedChecksum(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
