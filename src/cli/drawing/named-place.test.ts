import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { givenName, modelPlace } from "./named-place.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-places-"));
const before = process.cwd();
beforeAll(() => {
  mkdirSync(join(folder, "lr=1e-4"));
  mkdirSync(join(folder, "data", "own"), { recursive: true });
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

it.each([
  ["lr=1e-4", "lr=1e-4", "lr=1e-4"],
  ["lr=1e-3", "lr", "1e-3"],
  ["mine=lr=1e-4", "mine", "lr=1e-4"],
  ["data/own/", "own", "data/own/"],
  ["some/model", "some/model", "some/model"],
  ["emoji-small", "emoji-small", "emoji-small"],
])("%s is the model %s at %s", (text, name, place) =>
  expect(modelPlace(text)).toEqual({ name, place }),
);

it("of an adapter has a name, whatever exists", () => {
  expect(givenName("lr=1e-4")).toEqual({ name: "lr", place: "1e-4" });
  expect([givenName("data/own"), givenName("=own"), givenName("own=")]).toEqual(
    Array(3).fill(undefined),
  );
});
