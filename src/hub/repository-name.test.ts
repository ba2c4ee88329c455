import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { placeOf } from "./repository-name.ts";

const top = mkdtempSync(join(tmpdir(), "pixart-names-"));
mkdirSync(join(top, "emoji-small"));
writeFileSync(join(top, "model.safetensors"), "");
afterAll(() => rmSync(top, { recursive: true }));

describe("placeOf", () => {
  it("takes what exists for a folder, and the form of a name for a name", () => {
    expect(placeOf(top, "model")).toEqual({ path: top });
    expect(placeOf("src/hub", "model")).toEqual({ path: "src/hub" });
    const name = "PixArt-alpha/PixArt-XL-2-1024-MS";
    expect(placeOf(name, "model")).toEqual({ name });
  });

  it.each([
    "word",
    "",
    "/a/b",
    "./a/b",
    "a/b/c",
    "a/b/",
    "a--b/c",
    "a/..",
    "a/b.git",
    "-a/b",
    "a/é",
  ])("refuses %j, which is neither", (given) => {
    expect(() => placeOf(given, "model")).toThrow(
      `Expected an existing folder or a name on the Hub such as "PixArt-alpha/PixArt-XL-2-1024-MS" for the model but received ${JSON.stringify(given)}`,
    );
  });

  it("suggests the folder that was meant", () => {
    expect(() => placeOf("modles", "model")).toThrow('received "modles"; did you mean "./models"?');
    expect(() => placeOf(join(top, "emoij-small"), "model")).toThrow(
      `did you mean ${JSON.stringify(join(top, "emoji-small"))}?`,
    );
    const file = join(top, "model.safetensors");
    expect(() => placeOf(file, "model")).toThrow(
      `received ${JSON.stringify(file)}, which is a file`,
    );
    expect(placeOf(file, "dataset")).toEqual({ path: file });
  });
});
