import { describe, expect, it } from "vitest";
import { embedMetadata, RgbImage } from "../../../../src/images/index.ts";
import type { DrawModel } from "../../../../src/studio/api-types.ts";
import { type PngSettings, pngSettings, pngText } from "./png-settings.ts";

const png = await RgbImage.filled(8, 6, [9, 9, 9]).encodePng();
const record = {
  prompt: "ein Füchslein – 狐",
  negativePrompt: "blur",
  steps: 12,
  sampler: "unipc",
  guidanceScale: 3.5,
  seed: 41,
  model: "emoji-demo",
  width: 4,
  height: 3,
};
const made = embedMetadata(png, record);
const known: DrawModel = {
  ...{ id: "models/emoji-demo", label: "emoji-demo", run: null, stage: null, step: null },
  ...{
    resolution: 64,
    isLoading: false,
    steps: 20,
    guidanceScale: 4.5,
    schedulers: [],
    adapters: ["noto-lora"],
  },
};
const settings = (bytes: Uint8Array): PngSettings | undefined => pngSettings(bytes, [known]);

it("finds the checkpoint that a run's picture records, or the run where that is served", () => {
  const named = { ...record, model: "red fox/alignment/step-00001200" };
  const picture = embedMetadata(png, named);
  const at = (stage: string, step: number, run = "red fox"): DrawModel => ({
    ...known,
    ...{ id: `${run}/${stage}/${step}-abc`, label: `${run} @1,200`, run: "r1", stage, step },
  });
  const others = [known, at("pixels", 1200), at("alignment", 800), at("alignment", 1200, "blue")];
  const wanted = at("alignment", 1200);
  const modelOf = (models: readonly DrawModel[]): string | undefined =>
    pngSettings(picture, models)?.form.model;
  expect(modelOf([...others, wanted])).toBe(wanted.id);
  expect(modelOf([...others, { ...known, id: "red fox" }])).toBe("red fox");
  expect(pngSettings(picture, others)?.missing).toContain("its model");
});

it("reads how a picture of ours was drawn, for the whole form", () => {
  expect(settings(made)).toEqual({
    form: {
      model: "models/emoji-demo",
      prompt: "ein Füchslein – 狐",
      negative: "blur",
      seed: 41,
      keepsSeed: true,
      count: 1,
      steps: 12,
      guidance: 3.5,
      size: "8x6",
      scheduler: "unipc",
      adapters: [],
      strength: 0.6,
    },
    missing: [],
  });
});

it("sets the adapters that the model has, and says what else is missing", () => {
  const edit = embedMetadata(png, {
    ...record,
    adapters: [
      { name: "noto-lora", scale: 0.8 },
      { name: "pencil", scale: 1 },
    ],
    extra: { cleanCaption: true, from: "picture and mask", strength: 0.4, eta: 0.5 },
  });
  const { form, missing } = settings(edit) ?? {};
  expect(form).toMatchObject({ adapters: [{ name: "noto-lora", scale: 0.8 }], strength: 0.4 });
  expect(missing).toEqual([
    "the adapter pencil",
    "the picture and mask that it was drawn from",
    "its eta",
  ]);
});

it("says that a model is not listed", () => {
  const { form, missing } = pngSettings(made, [{ ...known, label: "another" }]) ?? {};
  expect([form?.model, missing]).toEqual(["emoji-demo", ["its model"]]);
});

describe("says nothing of", () => {
  it.each([
    ["a PNG without a record", png],
    ["other files", new TextEncoder().encode("\xff\xd8 a JPEG")],
    ["nothing", new Uint8Array()],
  ])("%s", (_, bytes) => expect(settings(bytes)).toBeUndefined());

  it("a PNG that is cut anywhere before the record's end", () => {
    const end = made.byteLength - png.byteLength + 33;
    for (let length = 0; length < end; length += 7)
      expect(settings(made.subarray(0, length))).toBeUndefined();
  });

  it("a record that is no JSON", () => {
    const broken = new Uint8Array(made);
    const at = Buffer.from(made).indexOf("pixart\0{");
    broken[at + 7] = 0x78;
    expect(pngText(broken, "pixart")?.[0]).toBe("x");
    expect(settings(broken)).toBeUndefined();
  });
});
