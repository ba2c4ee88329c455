import { describe, expect, it } from "vitest";
import { BadFileError } from "../../files/reading/errors.ts";
import { type CheckpointManifest, formatManifest, parseManifest } from "./checkpoint-manifest.ts";

const manifest: CheckpointManifest = {
  format: "pixart-checkpoint",
  version: 1,
  step: 3,
  stage: "align",
  createdAt: "2026-01-02T03:04:05.678Z",
  files: [{ name: "model.safetensors", bytes: 8, sha256: "0".repeat(64) }],
  state: { epoch: 1, history: [0.5, null, "ä"], done: false },
};

/** A manifest with a valid hash over whatever it says. */
const format = (changes: object): string => formatManifest({ ...manifest, ...changes });

describe("a manifest", () => {
  it("reads back, whatever the state", () => {
    expect(parseManifest("m", formatManifest(manifest))).toEqual(manifest);
    for (const state of [null, 0, "x", [], {}, [[1e-30]], JSON.parse('{"__proto__":1}')]) {
      expect(parseManifest("m", format({ state })).state).toEqual(state);
    }
  });

  it("reads back whose it is, and is refused where that is none or names a file elsewhere", () => {
    const run = { id: "r", data: "0".repeat(64), config: {} };
    expect(parseManifest("m", format({ run })).run).toEqual(run);
    for (const changes of [{ data: "../../../secret.jsonl" }, { id: 7 }, { config: null }])
      expect(() => parseManifest("m", format({ run: { ...run, ...changes } }))).toThrow(
        /^m: run: expected an id, the SHA-256 of its data and a config but found \{/,
      );
  });

  it("is refused where a single character differs", () => {
    const text = formatManifest(manifest);
    for (let i = 0; i < text.length; i++) {
      const changed = `${text.slice(0, i)}${text[i] === "1" ? "2" : "1"}${text.slice(i + 1)}`;
      expect(() => parseManifest("m", changed), changed).toThrow(BadFileError);
    }
    expect(() => parseManifest("m", text.replace('"epoch": 1', '"epoch": 2'))).toThrow(
      /^m: sha256: expected [0-9a-f]{64} of the manifest's text but found [0-9a-f]{64}$/,
    );
  });

  it.each([
    ["{", /^m: manifest: expected JSON but found "/],
    ["7", /^m: format: expected "pixart-checkpoint" but found nothing$/],
    ["null", /^m: format: expected "pixart-checkpoint" but found nothing$/],
    [format({ format: "other" }), /^m: format: expected "pixart-checkpoint" but found "other"$/],
    [
      format({ version: 2 }),
      /^m: version: expected 1 but found 2; it needs another version of this package$/,
    ],
    [format({ step: -1 }), /^m: step: expected a non-negative integer but found -1$/],
    [format({ step: "3" }), /^m: step: expected a non-negative integer but found "3"$/],
    [format({ stage: 4 }), /^m: stage: expected a string but found 4$/],
    [format({ createdAt: null }), /^m: createdAt: expected a string but found null$/],
    [format({ files: {} }), /^m: files: expected an array but found \{\}$/],
    [
      format({ files: [...manifest.files, ...manifest.files] }),
      /^m: files: expected each name once but found \["model.safetensors","model.safetensors"\]$/,
    ],
  ])("is refused: %.40s", (text, message) => {
    expect(() => parseManifest("m", text)).toThrow(message);
  });

  it.each([
    null,
    7,
    {},
    { ...manifest.files[0], name: "../model.safetensors" },
    { ...manifest.files[0], name: "/model.safetensors" },
    { ...manifest.files[0], name: "model.bin" },
    { ...manifest.files[0], name: ".safetensors" },
    { ...manifest.files[0], bytes: 0.5 },
    { ...manifest.files[0], bytes: "8" },
    { ...manifest.files[0], sha256: "0" },
    { ...manifest.files[0], sha256: null },
  ])("is refused with the file %o", (file) => {
    expect(() => parseManifest("m", format({ files: [file] }))).toThrow(
      "m: files: expected a plain .safetensors name, bytes and sha256 but found ",
    );
  });

  it("is not written where JSON would change the state", () => {
    const reason = (state: unknown): string => {
      try {
        return format({ state });
      } catch (error) {
        return (error as TypeError).message;
      }
    };
    expect(reason({ a: [1, Number.NaN] })).toBe(
      "Expected a JSON value for state.a[1] but received NaN",
    );
    expect(reason({ a: undefined })).toBe(
      "Expected a JSON value for state.a but received undefined",
    );
    expect(reason(new Map())).toBe("Expected a JSON value for state but received [object Map]");
    expect(reason(1n)).toBe("Expected a JSON value for state but received 1");
  });
});
