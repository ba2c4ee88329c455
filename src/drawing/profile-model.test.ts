import { describe, expect, it } from "vitest";
import { PixArtAlphaPipeline } from "../pipelines/index.ts";
import { choosePreview, profileModel } from "./profile-model.ts";

describe("the preview that costs little", () => {
  it.each([
    [{ stepSeconds: 0.02, decodeSeconds: 0.015 }, false, "full"],
    [{ stepSeconds: 34, decodeSeconds: 5 }, false, "full"],
    [{ stepSeconds: 2, decodeSeconds: 5 }, true, "taesd"],
    [{ stepSeconds: 2, decodeSeconds: 5 }, false, "linear"],
  ] as const)("of %j, a TAESD being there: %s, is %s", (times, hasTaesd, way) => {
    expect(choosePreview({ batch: 1, ...times }, hasTaesd)).toBe(way);
  });
});

it("tries a model, and takes the batch that is wanted", async () => {
  const pipe = await PixArtAlphaPipeline.fromPretrained("emoji-demo");
  const profile = await profileModel(pipe, 64, 3);
  expect(profile.batch).toBe(3);
  expect(profile.stepSeconds).toBeGreaterThan(0);
  expect(profile.decodeSeconds).toBeGreaterThan(0);
  expect([1, 2, 4, 8]).toContain((await profileModel(pipe, 64, "auto")).batch);
  pipe.dispose();
});
