import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateImage } from "ai";
import OpenAI, { toFile } from "openai";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import { PixArtAlphaPipeline } from "../../src/pipelines/index.ts";
import type { RunningServer } from "../../src/server/start-server.ts";
import { startDrawingServer } from "../fixtures/test-server.ts";

const PROMPT = "a red apple, noto style";
/** Fields of ours go at the top level, where OpenAI's types don't know them. */
const quick = { prompt: PROMPT, steps: 4 } as OpenAI.ImageGenerateParamsNonStreaming;

let server: RunningServer;
let client: OpenAI;
beforeAll(async () => {
  server = await startDrawingServer();
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "any", maxRetries: 0 });
});
afterAll(() => server.stop(0));

const bytesOf = (image: OpenAI.Image | undefined): Buffer =>
  Buffer.from(image?.b64_json ?? "", "base64");
const decode = (image: OpenAI.Image | undefined): Promise<RgbImage> =>
  RgbImage.decode(bytesOf(image));

describe("OpenAI's npm client", () => {
  it("draws the picture that the pipeline draws", async () => {
    const { data = [], usage } = await client.images.generate({
      ...quick,
      seed: 7,
    } as typeof quick);
    const drawn = await decode(data[0]);
    const pipe = await PixArtAlphaPipeline.fromPretrained("emoji-demo");
    const { images } = await pipe(PROMPT, { seed: 7, numInferenceSteps: 4 });
    expect([drawn.width, drawn.height]).toEqual([64, 64]);
    expect(drawn.data).toEqual(images[0]?.data);
    expect(usage?.input_tokens).toBeGreaterThan(3);
    pipe.dispose();
  });

  it("gets n pictures of seeds that follow each other, and the same bytes for the same seed", async () => {
    const two = await client.images.generate({ ...quick, n: 2, seed: 41 } as typeof quick);
    const again = await client.images.generate({ ...quick, seed: 42 } as typeof quick);
    expect(two.data).toHaveLength(2);
    expect(two.data?.map((image) => (image as unknown as { seed: number }).seed)).toEqual([41, 42]);
    expect(bytesOf(two.data?.[1])).toEqual(bytesOf(again.data?.[0]));
    expect(bytesOf(two.data?.[0])).not.toEqual(bytesOf(two.data?.[1]));
  });

  it("gets any size, as PNG, JPEG or WebP", async () => {
    for (const [output_format, size] of [
      ["png", "96x48"],
      ["jpeg", "512x512"],
      ["webp", "30x70"],
    ] as const) {
      const answer = await client.images.generate({
        ...quick,
        output_format,
        size: size as "512x512",
      });
      const { format, width, height } = await sharp(bytesOf(answer.data?.[0])).metadata();
      expect([format, `${width}x${height}`]).toEqual([output_format, size]);
      expect(answer.size).toBe(size);
    }
  });

  it("edits a picture, and draws only what the mask shows anew", async () => {
    const first = await client.images.generate({ ...quick, seed: 7, steps: 20 } as typeof quick);
    const before = await decode(first.data?.[0]);
    const side = { width: 64, height: 64 };
    const rgba = Buffer.alloc(64 * 64 * 4, 255);
    for (let pixel = 0; pixel < 64 * 64; pixel++) if (pixel % 64 < 32) rgba[4 * pixel + 3] = 0;
    const mask = await sharp(rgba, { raw: { ...side, channels: 4 } })
      .png()
      .toBuffer();
    const edit = {
      ...quick,
      prompt: "a blue whale, fluent style",
      seed: 3,
      strength: 1,
      image: await toFile(bytesOf(first.data?.[0]), "image.png", { type: "image/png" }),
    } as OpenAI.ImageEditParamsNonStreaming;
    const whole = await client.images.edit(edit);
    const part = await client.images.edit({
      ...edit,
      mask: await toFile(mask, "mask.png", { type: "image/png" }),
    });
    /** Mean distance from the picture before in columns from one to another. */
    const distance = async (to: OpenAI.ImagesResponse, from: number, end: number) => {
      const edited = await decode(to.data?.[0]);
      const distances = [...edited.data].flatMap((value, i) => {
        const column = Math.floor(i / 3) % 64;
        return column >= from && column < end ? [Math.abs(value - (before.data[i] ?? 0))] : [];
      });
      return distances.reduce((sum, value) => sum + value, 0) / distances.length;
    };
    const kept = await distance(part, 40, 64);
    expect(kept).toBeLessThan(0.5 * (await distance(whole, 40, 64)));
    expect(await distance(part, 0, 32)).toBeGreaterThan(2 * kept);
  });
});

describe("Vercel's AI SDK", () => {
  it("draws, and gives the seed along in its provider options", async () => {
    const provider = createOpenAICompatible({ name: "pixart", baseURL: `${server.url}/v1` });
    const draw = () =>
      generateImage({
        model: provider.imageModel("emoji-demo"),
        prompt: PROMPT,
        size: "64x64",
        providerOptions: { pixart: { seed: 9, steps: 4 } },
      });
    const [first, second] = [await draw(), await draw()];
    expect(first.image.mediaType).toBe("image/png");
    expect(first.image.base64).toBe(second.image.base64);
  });
});
