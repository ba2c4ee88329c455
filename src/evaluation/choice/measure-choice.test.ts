import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import { PixArtAlphaPipeline } from "../../pipelines/index.ts";
import { schedulerNamed } from "../../schedulers/index.ts";
import * as torch from "../../torch/index.ts";
import { type CaptionedPicture, measureChoice, TooFewCaptionsError } from "./measure-choice.ts";

const THINGS = ["red apple", "fox", "banana", "rainbow", "owl", "frog", "sunflower", "strawberry"];

let pipe: PixArtAlphaPipeline;
/** Drawn by the model itself. */
let pictures: CaptionedPicture[];

beforeAll(async () => {
  pipe = await PixArtAlphaPipeline.fromPretrained("emoji-demo");
  const captions = THINGS.map((thing) => `a ${thing}, noto style`);
  const options = { numInferenceSteps: 8, seed: 1, cleanCaption: false };
  const { images } = await pipe(captions, options);
  pictures = images.map((image, i) => {
    const [caption = "", thing] = [captions[i], THINGS[i]];
    return { image, caption, thing, style: "noto" };
  });
});
afterAll(() => pipe.dispose());

describe("measureChoice", () => {
  it("finds the captions that a model drew pictures from, and finds none by chance", async () => {
    const found = await measureChoice(pipe, pictures, pictures);
    expect(found).toMatchObject({ chance: 1 / 8, n: 8 });
    expect(found.rate).toBeGreaterThan(0.7);
    const shuffled = await measureChoice(pipe, pictures, pictures, { shuffled: true });
    expect(shuffled.rate).toBeLessThan(0.4);
  });

  it("gives the same for a seed, says how far it is, and leaves nothing behind", async () => {
    const before = torch.memory().tensors;
    const done: number[] = [];
    const options = { captions: 3, noises: 1, seed: 4, onProgress: (n: number) => done.push(n) };
    const first = await measureChoice(pipe, pictures.slice(0, 3), pictures, options);
    expect(await measureChoice(pipe, pictures.slice(0, 3), pictures, options)).toEqual(first);
    expect(first.chance).toBe(1 / 3);
    expect(done).toEqual([1, 2, 3, 1, 2, 3]);
    expect(torch.memory().tensors).toBe(before);
  });

  it("leaves nothing behind where no noise level can be found for the model", async () => {
    const own = pipe.scheduler;
    pipe.scheduler = schedulerNamed("unipc", {
      prediction_type: "flow_prediction",
      use_flow_sigmas: true,
    });
    collectGarbage();
    const before = torch.memory().tensors;
    try {
      await expect(measureChoice(pipe, pictures, pictures)).rejects.toThrow("flow_prediction");
    } finally {
      pipe.scheduler = own;
    }
    expect(torch.memory().tensors).toBe(before);
  });

  it("says where there are too few captions of other things in a style", async () => {
    const ask = measureChoice(pipe, pictures, pictures.slice(0, 4));
    await expect(ask).rejects.toThrow(TooFewCaptionsError);
    await expect(ask).rejects.toThrow(
      /^Expected captions of 8 things in the style "noto" to choose from but received [45]$/,
    );
    // Other captions of the same thing are no wrong answers.
    const same = pictures.map((each) => ({ ...each, thing: "fox" }));
    await expect(measureChoice(pipe, same, same)).rejects.toThrow("but received 1");
  });
});
