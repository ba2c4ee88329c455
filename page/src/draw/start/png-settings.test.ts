import { describe, expect, it } from "vitest";
import { embedMetadata, RgbImage } from "../../../../src/images/index.ts";
import { pngSettings, pngText } from "./png-settings.ts";

const png = await RgbImage.filled(4, 4, [9, 9, 9]).encodePng();
const made = embedMetadata(png, {
  prompt: "ein Füchslein – 狐",
  negativePrompt: "blur",
  steps: 12,
  sampler: "unipc",
  guidanceScale: 3.5,
  seed: 41,
  model: "emoji-demo",
  width: 4,
  height: 4,
});

it("reads how a picture of ours was drawn", () => {
  expect(pngSettings(made)).toEqual({
    prompt: "ein Füchslein – 狐",
    negative: "blur",
    steps: 12,
    guidance: 3.5,
    seed: 41,
    keepsSeed: true,
    scheduler: "unipc",
    model: "emoji-demo",
  });
});

describe("says nothing of", () => {
  it.each([
    ["a PNG without a record", png],
    ["other files", new TextEncoder().encode("\xff\xd8 a JPEG")],
    ["nothing", new Uint8Array()],
  ])("%s", (_, bytes) => expect(pngSettings(bytes)).toBeUndefined());

  it("a PNG that is cut anywhere before the record's end", () => {
    const end = made.byteLength - png.byteLength + 33;
    for (let length = 0; length < end; length += 7)
      expect(pngSettings(made.subarray(0, length))).toBeUndefined();
  });

  it("a record that is no JSON", () => {
    const broken = new Uint8Array(made);
    const at = Buffer.from(made).indexOf("pixart\0{");
    broken[at + 7] = 0x78;
    expect(pngText(broken, "pixart")?.[0]).toBe("x");
    expect(pngSettings(broken)).toBeUndefined();
  });
});
