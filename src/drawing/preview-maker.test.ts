import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import { AutoencoderTiny } from "../models/index.ts";
import { imagesFromTensor, PixArtAlphaPipeline } from "../pipelines/index.ts";
import * as torch from "../torch/index.ts";
import { meanColours, previewMaker } from "./preview-maker.ts";

const noTaesd = (): Promise<AutoencoderTiny> => Promise.reject(new Error("not asked for"));
let pipe: PixArtAlphaPipeline;
let latents: torch.Tensor;
beforeAll(async () => {
  pipe = await PixArtAlphaPipeline.fromPretrained("emoji-demo");
  const prompts = ["a red apple, noto style", "a blue heart", "a green frog, fluent style"];
  const drawn = await pipe(prompts, { seed: 5, numInferenceSteps: 8, outputType: "latent" });
  latents = drawn.images;
});
afterAll(() => {
  latents.dispose();
  pipe.dispose();
});

describe("previews", () => {
  it("are the pictures themselves where the autoencoder makes them", async () => {
    const make = await previewMaker("full", pipe, noTaesd);
    const pictures = imagesFromTensor(pipe.decode(latents));
    collectGarbage();
    const before = torch.memory().tensors;
    const previews = make?.(pipe, latents, [2, 0]);
    expect(previews?.map(({ data }) => data)).toEqual([pictures[2]?.data, pictures[0]?.data]);
    expect(torch.memory().tensors).toBe(before);
  });

  it("have the colours of the pictures where a linear map makes them", async () => {
    const make = await previewMaker("linear", pipe, noTaesd);
    const side = latents.size(2);
    const wanted = meanColours(imagesFromTensor(pipe.decode(latents)), side);
    const mean = wanted.reduce((sum, value) => sum + value, 0) / wanted.length;
    const [left, all] = [0, 1, 2].reduce(
      ([error, spread], row) => {
        const { width, data } = make?.(pipe, latents, [row])[0] ?? {
          width: 0,
          data: new Uint8Array(),
        };
        expect(width).toBe(side);
        for (let i = 0; i < data.length; i++) {
          const value = wanted[(row * 3 + (i % 3)) * side * side + Math.floor(i / 3)] ?? 0;
          error += (value - (data[i] ?? 0) / 255) ** 2;
          spread += (value - mean) ** 2;
        }
        return [error, spread];
      },
      [0, 0] as [number, number],
    );
    expect(1 - left / all).toBeGreaterThan(0.5);
  });

  it("come of a TAESD where one is there", async () => {
    const tiny = new AutoencoderTiny({
      encoderBlockOutChannels: [8, 8],
      decoderBlockOutChannels: [8, 8],
      numEncoderBlocks: [1, 1],
      numDecoderBlocks: [1, 1],
    });
    const make = await previewMaker("taesd", pipe, async () => tiny);
    const [preview] = make?.(pipe, latents, [1]) ?? [];
    expect([preview?.width, preview?.data.length]).toEqual([32, 32 * 32 * 3]);
    tiny.dispose();
  });

  it("are none where they are off", async () => {
    expect(await previewMaker("off", pipe, noTaesd)).toBeUndefined();
  });
});
