import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { npyBytes, zipBytes } from "../../../test/fixtures/numpy-files.ts";
import type { Dataset } from "../../data/dataset.ts";
import { T5EncoderModel } from "../../models/index.ts";
import { construct } from "../../nn/index.ts";
import { T5Tokenizer } from "../../text/index.ts";
import * as torch from "../../torch/index.ts";
import type { Example } from "../dataset/training-data.ts";
import { FrozenCaptions, openCaptionStore } from "./captions.ts";
import { ImportedCaptions, ImportedLatents } from "./imported-features.ts";
import type { Moments } from "./latent-store.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-made-"));
afterAll(() => rmSync(root, { recursive: true }));

const example = (file: string, shortCaption: string, denseCaption = shortCaption): Example => ({
  file,
  path: file,
  read: async () => new Uint8Array(),
  size: async () => ({ width: 16, height: 16 }),
  shortCaption,
  denseCaption,
  thing: undefined,
  group: undefined,
  style: undefined,
  classLabel: undefined,
});
const dataOf = (...train: Example[]) => ({
  train,
  heldout: [],
  dataset: { entries: train.map(({ file }) => ({ file })) } as unknown as Dataset,
});

const floats = (shape: readonly number[], value: number): Buffer => {
  using tensor = torch.full(shape, value);
  return npyBytes({ dtype: "float32", shape, bytes: tensor.toBytes() });
};
/** Writes features of a caption of so many tokens, all of one value. */
function writeCaption(folder: string, name: string, tokens: number, value: number): void {
  const feature = zipBytes({ "caption_feature.npy": floats([1, tokens, 16], value) });
  writeFileSync(join(folder, name), feature);
}
const folderOf = (name: string): string => mkdtempSync(join(root, name));
const options = {
  prepare: (text: string) => text.toLowerCase(),
  width: 16,
  dtype: "float32",
} as const;

describe("ImportedCaptions", () => {
  it("takes the first file that fits of the pictures that share a caption", () => {
    const folder = folderOf("captions");
    writeCaption(folder, "a.npz", 4, 1);
    writeCaption(folder, "b.npz", 3, 2);
    const data = dataOf(
      example("a.png", "A fox"),
      example("b.png", "a fox"),
      example("c.png", "?"),
    );
    const made = new ImportedCaptions({ captionFeatures: folder }, data, options);
    const states = made.take("a fox", 3);
    expect([states?.shape, states?.amax().item()]).toEqual([[1, 3, 16], 2]);
    expect([made.take("?", 3), made.take("of no picture", 3)]).toEqual([undefined, undefined]);
    expect(made.report()[0]).toBe(`Features in ${folder}: 1 taken, 1 did not fit`);
  });

  it("takes long captions from a folder of their own", () => {
    const [short, long] = [folderOf("short"), folderOf("long")];
    writeCaption(short, "a.npz", 3, 1);
    writeCaption(long, "a.npz", 5, 2);
    const folders = { captionFeatures: short, denseCaptionFeatures: long };
    const data = dataOf(example("a.png", "a fox", "a fox in the snow"));
    const made = new ImportedCaptions(folders, data, options);
    expect(made.take("a fox", 3)?.amax().item()).toBe(1);
    expect(made.take("a fox in the snow", 5)?.amax().item()).toBe(2);
    expect(made.report()).toEqual([
      `Features in ${short}: 1 taken, 0 did not fit`,
      `Features in ${long}: 1 taken, 0 did not fit`,
    ]);
  });

  it("without folders has nothing to take, and nothing to tell", () => {
    const made = new ImportedCaptions({}, dataOf(example("a.png", "a fox")), options);
    expect([made.take("a fox", 3), made.report()]).toEqual([undefined, []]);
  });
});

describe("ImportedLatents", () => {
  const folder = folderOf("latents");
  /** Means of 2 in two channels and of 0 in two, and deviations of 1. */
  const values = Float32Array.from({ length: 32 }, (_, i) => (i < 8 ? 2 : i < 16 ? 0 : 1));
  const bytes = new Uint8Array(values.buffer);
  for (const name of ["a.npy", "b.npy"])
    writeFileSync(join(folder, name), npyBytes({ dtype: "float32", shape: [8, 2, 2], bytes }));
  const [a, b] = [example("a.png", "a fox"), example("b.png", "a hen")];
  const shape = [4, 2, 2];
  /** What an autoencoder makes whose means are those of the files times and plus something. */
  const encoder = (factor: number, more: number) =>
    vi.fn(async (): Promise<Moments> => {
      const means = Float32Array.from(values.subarray(0, 16), (value) => value * factor + more);
      return [torch.fromTypedArray(means, [1, ...shape]), torch.ones([1, ...shape])];
    });
  const latents = (...data: Example[]): ImportedLatents =>
    new ImportedLatents({ latentFeatures: folder }, dataOf(...data), { dtype: "float32" });

  it("are of the data set's pictures, and not of class pictures of the same name", async () => {
    const made = latents(a);
    const encode = encoder(1, 0);
    expect(await made.take(example("a.png", "a fox"), shape, encode)).toBeUndefined();
    const moments = await made.take(a, shape, encode);
    expect(moments?.map((each) => each.flatten().tolist())).toEqual([
      [2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0],
      new Array(16).fill(1),
    ]);
  });

  it("say of the first that fits how far it is from the run's own autoencoder", async () => {
    const made = latents(a, b);
    const encode = encoder(1, 0.1);
    expect(await made.take(a, [4, 1, 4], encode)).toBeUndefined();
    for (const each of [b, a]) await made.take(each, shape, encode);
    expect(encode).toHaveBeenCalledTimes(1);
    expect(made.report()).toEqual([
      `Features in ${folder}: 2 taken, 1 did not fit`,
      expect.stringContaining("a.npy: array: expected mean and deviation"),
      "  the mean of b.png is 10 % of its spread away from what the autoencoder makes here",
    ]);
  });

  it("warn of files of another autoencoder", async () => {
    const made = latents(a);
    await made.take(a, shape, encoder(-1, 2));
    expect(made.report().slice(1)).toEqual([
      "  the mean of a.png is 200 % of its spread away from what the autoencoder makes here",
      "  Warning: that is more than another way of resizing would explain. In the config, name the autoencoder that made the files, or remove what was put into the cache",
    ]);
  });
});

describe("captions that were made elsewhere", () => {
  it("are kept as they are, and the encoder is asked for the others alone", async () => {
    const tokenizer = T5Tokenizer.fromCaptions(["a fox", "a hen"], { vocabSize: 32 });
    const shape = { vocabSize: 32, dModel: 16, dKv: 8, numHeads: 2, dFf: 32, numLayers: 1 };
    const encoder = construct({ generator: torch.generator(1) }, () => new T5EncoderModel(shape));
    const forward = vi.spyOn(encoder, "forward");
    const counts: number[] = [];
    using store = await openCaptionStore(encoder, folderOf("cache"), () => {});
    const captions = await FrozenCaptions.open({
      encoder,
      tokenizer,
      maxLength: 8,
      texts: ["a fox", "a hen"],
      prompts: [],
      made: (text, tokens) => {
        counts.push(tokens);
        return text === "a fox" ? torch.full([1, tokens, 16], 3) : undefined;
      },
      store,
    });
    const { lengths } = tokenizer.encode(["a fox", "a hen"], {
      maxLength: 8,
      padding: "longest",
    });
    expect(counts).toEqual(lengths);
    expect([captions.encoded, forward.mock.calls.length]).toEqual([1, 1]);
    const { states } = captions.states(["a fox"]);
    expect([states.amin().item(), states.amax().item()]).toEqual([3, 3]);
    captions.dispose();
  });
});
