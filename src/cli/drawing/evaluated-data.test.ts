import { expect, it } from "vitest";
import { tinyConfig } from "../../../test/fixtures/tiny-config.ts";
import { configFromJson } from "../../config/index.ts";
import { captionReadingOf, evaluatedData } from "./evaluated-data.ts";

const tiny = tinyConfig("pictures");
const config = configFromJson(
  JSON.stringify({
    ...tiny,
    dataset: {
      ...{ folder: "org/name", revision: "v2", layout: "parquet", imageColumn: "scan" },
      ...{ textColumn: "title", instancePrompt: "a photo of sks dog", heldoutShare: 0.1 },
      ...{ classFolder: "dogs", classPrompt: "a photo of a dog", cleanCaptions: true },
    },
    tokenizer: { vocabSize: 300, maxLength: 30 },
  }),
  "tiny",
);

it("is a run's own data, read as in its training, without class pictures", () => {
  expect(evaluatedData(config.dataset, {})).toMatchObject({
    ...{ folder: "org/name", revision: "v2", layout: "parquet", imageColumn: "scan" },
    ...{ textColumn: "title", instancePrompt: "a photo of sks dog", heldoutShare: 0.1 },
    ...{ things: null, groups: null, styles: null, classFolder: null },
  });
  expect(evaluatedData(config.dataset, { things: 5 })).toMatchObject({ things: 5 });
  expect(evaluatedData(config.dataset, { groups: ["a"] })).toMatchObject({ groups: ["a"] });
});

it("is another folder where one is given, and none without it and a run", () => {
  expect(evaluatedData(config.dataset, { data: "others" })).toEqual({
    ...{ folder: "others", things: null, groups: null, styles: null, heldoutShare: 0.1 },
  });
  expect(evaluatedData(undefined, { data: "others", things: "demo" })).toEqual({
    ...{ folder: "others", things: "demo", groups: null, styles: null, heldoutShare: 0 },
  });
  expect(evaluatedData(undefined, {})).toBeUndefined();
});

it("reads captions as the run's training did", () => {
  expect(captionReadingOf(config)).toEqual({ cleanCaption: true, maxSequenceLength: 30 });
});
