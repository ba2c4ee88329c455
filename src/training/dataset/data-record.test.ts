import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { linesToBytes } from "../../files/reading/lines.ts";
import { DataRecord, type RecordedPicture } from "./data-record.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-record-"));
const file = join(folder, "record.jsonl");
afterAll(() => rmSync(folder, { recursive: true }));

/** More than are written or read at once; a line separator and letters of several bytes fall anywhere. */
const pictures = Array.from(
  { length: 20_000 },
  (_, i): RecordedPicture => ({
    file: `${i}-\u2028-ж.png`,
    words: "w",
    bytes: i % 7 ? `${i}` : null,
  }),
);

describe("DataRecord", () => {
  it("is read as it was written, whose digest is that of the bytes", async () => {
    const record = new DataRecord(pictures);
    const bytes = Buffer.concat([...linesToBytes(record.lines())]);
    writeFileSync(file, bytes);
    expect(record.digest).toBe(createHash("sha256").update(bytes).digest("hex"));
    expect(bytes.toString().split("\n").slice(0, -1)).toEqual([...record.lines()]);
    expect((await DataRecord.read(file, record.digest)).pictures).toEqual(pictures);
  });

  it("is refused where its file is not what the checkpoint says", async () => {
    for (const damaged of ["{}\n", "{\n", '{"file":"a"}']) {
      writeFileSync(file, damaged);
      await expect(DataRecord.read(file, "0".repeat(64))).rejects.toThrow(
        `${file}: sha256: expected ${"0".repeat(64)}, as the checkpoint has it, but found `,
      );
    }
  });
});
