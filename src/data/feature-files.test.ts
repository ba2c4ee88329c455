import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { BadFileError } from "../weights/index.ts";
import { FeatureFiles, featureNames } from "./feature-files.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-features-"));
afterAll(() => rmSync(root, { recursive: true }));

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(root, "features-"));
});
const touch = (...names: string[]): void => {
  for (const name of names) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), "");
  }
};

describe("featureNames", () => {
  it.each([
    ["fox.png", ["fox.npz"]],
    ["a/fox.png", ["a_fox.npz", "fox.npz"]],
    ["a/b/fox.v1.jpeg", ["a/b_fox.v1.npz", "b_fox.v1.npz", "fox.v1.npz"]],
  ])("of %s are %j", (picture, names) => {
    expect(featureNames(picture, ".npz")).toEqual(names);
  });
});

describe("FeatureFiles", () => {
  const paths = (files: FeatureFiles, ...pictures: string[]): (string | undefined)[] =>
    pictures.map((picture) => files.take(picture, (path) => basename(path)));

  it("takes a picture's own name before the bare one, and nothing where there is neither", () => {
    touch("a_fox.npy", "fox.npy", "hen.npy", "a/b_owl.npy");
    const pictures = ["a/fox.png", "a/hen.png", "a/b/owl.png", "a/cat.png"];
    const files = new FeatureFiles(folder, ".npy", pictures);
    expect(paths(files, ...pictures)).toEqual(["a_fox.npy", "hen.npy", "b_owl.npy", undefined]);
    expect(files.report()).toEqual([`Features in ${folder}: 3 taken, 0 did not fit`]);
  });

  it("refuses a name that several pictures might have", () => {
    touch("fox.npy", "b_fox.npy");
    const files = new FeatureFiles(folder, ".npy", ["a/fox.png", "b/fox.png", "c/hen.png"]);
    expect(paths(files, "a/fox.png", "b/fox.png")).toEqual([undefined, "b_fox.npy"]);
    expect(files.report()).toEqual([
      `Features in ${folder}: 1 taken, 1 did not fit`,
      `  ${folder}/fox.npy: name: expected the name of one picture but found that of 2; name it a_fox.npy to say that it belongs to "a/fox.png"`,
    ]);
  });

  it("tells five misfits and counts the others", () => {
    const pictures = Array.from({ length: 7 }, (_, i) => `${i}.png`);
    touch(...pictures.map((_, i) => `${i}.npy`));
    const files = new FeatureFiles(folder, ".npy", pictures);
    for (const picture of pictures) {
      const found = files.take(picture, (path): string => {
        throw new BadFileError(path, "array", "sense", "none");
      });
      expect(found).toBeUndefined();
    }
    const report = files.report();
    expect(report[0]).toBe(`Features in ${folder}: 0 taken, 7 did not fit`);
    expect(report.slice(1)).toEqual([
      ...[0, 1, 2, 3, 4].map((i) => `  ${folder}/${i}.npy: array: expected sense but found none`),
      "  and 2 more",
    ]);
  });

  it("lets other errors through", () => {
    touch("a.npy");
    const files = new FeatureFiles(folder, ".npy", ["a.png"]);
    const fail = (): never => {
      throw new RangeError("a mistake of the reader");
    };
    expect(() => files.take("a.png", fail)).toThrow("a mistake of the reader");
  });
});
