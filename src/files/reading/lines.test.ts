import { createHash } from "node:crypto";
import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type Line, LONGEST_LINE, readLines, readLinesSync, unfinishedLineOf } from "./lines.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-lines-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, "lines.txt");

const MIB = 2 ** 20;
/** Around the size of a read, with characters of several bytes across its ends. */
const TEXTS = ["", "a", "é".repeat(MIB / 2), "b".repeat(MIB - 1), "", "€".repeat(MIB), "c"];

/** A line in a form that is quickly compared. */
const brief = ({ bytes, ...line }: Line): object => ({
  ...line,
  hash: createHash("sha256").update(bytes).digest("hex"),
});

async function linesOf(file: string): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const some of readLines(file)) lines.push(...some);
  expect([...readLinesSync(file)].map(brief)).toEqual(lines.map(brief));
  return lines;
}

describe("lines of a file", () => {
  it.each([
    ["with a line feed at the end", "\n"],
    ["without one", ""],
  ])("are read in pieces: %s", async (_, ending) => {
    writeFileSync(path, TEXTS.join("\n") + ending);
    const lines = await linesOf(path);
    expect(lines.map(({ bytes }) => bytes.toString())).toEqual(TEXTS);
    expect(lines.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(lines.map(({ isWhole }) => isWhole)).toEqual([...Array(6).fill(true), ending !== ""]);
    const endOf = (i: number): number => Buffer.byteLength(`${TEXTS.slice(0, i).join("\n")}\n`);
    expect(lines.map(({ next }) => next)).toEqual([
      ...[1, 2, 3, 4, 5, 6].map(endOf),
      endOf(7) - (ending === "" ? 1 : 0),
    ]);
  });

  it("are none in an empty file", async () => {
    writeFileSync(path, "");
    expect(await linesOf(path)).toEqual([]);
  });

  it("are cut if they are too long, and the next one is read", async () => {
    writeFileSync(path, "");
    truncateSync(path, LONGEST_LINE + 3 * MIB);
    appendFileSync(path, "\nnext");
    const [long, next] = await linesOf(path);
    expect([long?.bytes.length, long?.isCut, long?.isWhole]).toEqual([LONGEST_LINE, true, true]);
    expect([next?.bytes.toString(), next?.isCut, next?.number]).toEqual(["next", false, 2]);
    expect(next?.next).toBe(LONGEST_LINE + 3 * MIB + 5);
  });

  it("name the path where they cannot be read", async () => {
    const error = { code: "EISDIR", path: folder };
    await expect(linesOf(folder)).rejects.toMatchObject(error);
    expect(() => [...readLinesSync(folder)]).toThrow(expect.objectContaining(error));
    const missing = join(folder, "missing");
    await expect(linesOf(missing)).rejects.toThrow(`no such file or directory, open '${missing}'`);
  });
});

describe("unfinishedLineOf", () => {
  it.each([
    ["nothing", "", undefined],
    ["a line", "one\n", undefined],
    ["half a line", "one", { start: 0, text: "one" }],
    ["half a line after another", "one\ntwo", { start: 4, text: "two" }],
    ["a long half", `one\n${"x".repeat(200_000)}`, { start: 4, text: "x".repeat(200_000) }],
    [
      "half a line at the edge of a read",
      `${"x".repeat(99_999)}\n${"y".repeat(2 ** 16)}`,
      { start: 100_000, text: "y".repeat(2 ** 16) },
    ],
  ])("of %s", (_, content, wanted) => {
    writeFileSync(path, content);
    const found = unfinishedLineOf(path);
    expect(found && { start: found.start, text: found.bytes.toString() }).toEqual(wanted);
  });

  it("holds only the beginning of what is too long", () => {
    writeFileSync(path, "one\n");
    truncateSync(path, LONGEST_LINE + 100);
    const found = unfinishedLineOf(path);
    expect([found?.start, found?.bytes.length]).toEqual([4, LONGEST_LINE]);
  });
});
