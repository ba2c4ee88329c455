import { describe, expect, it } from "vitest";
import { DatasetError, InternalError, InvalidValueError } from "../../src/errors/index.ts";
import { faultOf } from "./acceptable-error.ts";
import { fuzz } from "./fuzz.ts";
import { mutate } from "./mutate.ts";
import { readers } from "./readers.ts";

// A release is checked with 20,000 of each: npm run test:reliability -- fuzz
const FILES = 500;

describe(`${FILES} damaged files for each of ${readers.length} readers`, () => {
  it("are read or refused in a sentence, within 1 s and 300 MB", async () => {
    const jobs = readers.map(({ name: reader }) => ({ reader, first: 0, end: FILES }));
    const reports = await fuzz(jobs);
    expect(
      reports.flatMap(({ reader, failures }) => failures.map((f) => ({ reader, ...f }))),
    ).toEqual([]);
    for (const { reader, files, accepted } of reports) {
      expect(files, reader).toBe(FILES);
      // Where nothing at all is read, the damage is too coarse to get far.
      expect(accepted, reader).toBeGreaterThan(0);
    }
  }, 1_200_000);
});

describe("the judges", () => {
  it("damage a file in the same way for the same seed, and in another for another", () => {
    const bytes = Buffer.from(
      "some bytes, of which each is damaged in its turn, one way or another",
    );
    const all = Array.from({ length: 100 }, (_, seed) => mutate(bytes, seed).toString("latin1"));
    expect(all).toEqual(all.map((_, seed) => mutate(bytes, seed).toString("latin1")));
    expect(new Set(all).size).toBeGreaterThan(70);
  });

  it("take sentences, and no errors of the language or the system", () => {
    const of = (error: unknown): string | undefined => faultOf(error, "/folder");
    expect(
      of(new InvalidValueError("Expected a positive integer for steps but received 0")),
    ).toBeUndefined();
    expect(of(new DatasetError("/folder/x: there is no such file"))).toBeUndefined();
    expect(of(new TypeError("Cannot read properties of undefined"))).toContain(
      "what the language says",
    );
    expect(of(new RangeError("Invalid array length"))).toContain("what the language says");
    expect(of(new SyntaxError("Unexpected token in /folder/x"))).toContain("no sentence");
    expect(of(Object.assign(new Error("ENOENT: /folder"), { code: "ENOENT" }))).toContain("raw");
    expect(of(new InternalError("Expected a known key but received x"))).toContain("blames itself");
    expect(of("text")).toBe("threw text");
  });
});
