import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { missingHere, parseRepository } from "./repository-name.ts";

const top = mkdtempSync(join(tmpdir(), "pixart-names-"));
mkdirSync(join(top, "emoji-small"));
writeFileSync(join(top, "model.safetensors"), "");
afterAll(() => rmSync(top, { recursive: true }));

describe("parseRepository", () => {
  it("takes what exists for a folder, and the form of a name for a name", () => {
    expect(parseRepository(top, "model")).toEqual({ path: top });
    expect(parseRepository("src/hub", "model")).toEqual({ path: "src/hub" });
    const name = "PixArt-alpha/PixArt-XL-2-1024-MS";
    expect(parseRepository(name, "model")).toEqual({ name });
  });

  it("takes a bare word for a model of the package, unless a folder of that name is here", () => {
    const shipped = parseRepository("emoji-demo", "model");
    expect("path" in shipped && existsSync(join(shipped.path, "model_index.json"))).toBe(true);
    expect(() => parseRepository("emoji-demo", "dataset")).toThrow(
      "Expected an existing folder or file",
    );
    const here = process.cwd();
    process.chdir(top);
    try {
      expect(parseRepository("emoji-small", "model")).toEqual({ path: "emoji-small" });
    } finally {
      process.chdir(here);
    }
  });

  it.each(["word", "", "a--b/c", "a/..", "a/b.git", "-a/b", "a/é"])(
    "refuses %j, which is neither",
    (given) => {
      expect(() => parseRepository(given, "model")).toThrow(
        `Expected an existing folder, a model of this package (emoji-demo, emoji-small, emoji-vae) or a name on the Hub such as "PixArt-alpha/PixArt-XL-2-1024-MS" for the model but received ${JSON.stringify(given)}`,
      );
    },
  );

  it.each(["/a/b", "./a", "./a/b", "../a", "../a/b", "~/a", "a/", "a/b/", "a/b/c"])(
    "never takes %j for a name, which is a path",
    (given) => {
      for (const [type, what] of [
        ["model", "folder"],
        ["dataset", "folder or file"],
      ] as const) {
        expect(() => parseRepository(given, type)).toThrow(
          `Expected an existing ${what} for the ${type === "model" ? "model" : "data set"} but received ${JSON.stringify(given)}`,
        );
      }
    },
  );

  it("says how to come by what is missing", () => {
    expect(() => parseRepository("./data/emoji", "dataset", "make it with: x")).toThrow(
      'received "./data/emoji" (make it with: x)',
    );
    expect(() => parseRepository("~/a", "model")).toThrow(
      '("~" works only in a shell: write the whole path)',
    );
    expect(missingHere({ type: "dataset", name: "data/emoji", advice: "make it with: x" })).toBe(
      "no folder or file data/emoji here (make it with: x)",
    );
    expect(missingHere({ type: "model", name: "models/emoji-smal" })).toBe(
      'no folder models/emoji-smal here (did you mean "./models/emoji-small"?)',
    );
  });

  it("suggests a model of the package for its folder in a checkout", () => {
    expect(missingHere({ type: "model", name: "node_models/emoji-demo" })).toBe(
      'no folder node_models/emoji-demo here (did you mean "emoji-demo"?)',
    );
  });

  it("suggests the folder that was meant", () => {
    expect(() => parseRepository("modles", "model")).toThrow(
      'received "modles" (did you mean "./models"?)',
    );
    expect(() => parseRepository(join(top, "emoij-small"), "model")).toThrow(
      `did you mean ${JSON.stringify(join(top, "emoji-small"))}?`,
    );
    const file = join(top, "model.safetensors");
    expect(() => parseRepository(file, "model")).toThrow(
      `received ${JSON.stringify(file)}, which is a file`,
    );
    expect(parseRepository(file, "dataset")).toEqual({ path: file });
  });
});
