import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import textChunk from "png-chunk-text";
import encodeChunks from "png-chunks-encode";
import extractChunks from "png-chunks-extract";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PictureMetadata, parametersText, readPictureMetadata } from "./picture-metadata.ts";
import { RgbImage } from "./rgb-image.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixart-metadata-"));
});
afterAll(() => rm(folder, { recursive: true }));

const image = RgbImage.filled(64, 48, [1, 2, 3]);
const metadata: PictureMetadata = {
  prompt: "a fox",
  steps: 20,
  sampler: "DPM++ 2M",
  guidanceScale: 4.5,
  seed: 0,
  modelHash: "0123abcd",
};

describe("parametersText", () => {
  it("writes the line that other viewers read", () => {
    expect(parametersText({ ...metadata, width: 64, height: 48 })).toBe(
      "a fox\nSteps: 20, Sampler: DPM++ 2M, CFG scale: 4.5, Seed: 0, Size: 64x48, Model hash: 0123abcd",
    );
  });

  it("gives the negative prompt its own line and quotes what would split the settings", () => {
    const { modelHash: _, ...rest } = metadata;
    const full = { ...rest, negativePrompt: "blur", model: "a, b: c", width: 1, height: 2 };
    expect(parametersText(full)).toBe(
      'a fox\nNegative prompt: blur\nSteps: 20, Sampler: DPM++ 2M, CFG scale: 4.5, Seed: 0, Size: 1x2, Model: "a, b: c"',
    );
  });
});

describe("a saved picture", () => {
  it.each([
    "a fox",
    "ein Füchslein, déjà vu",
    "狐と月 🦊, “quoted”, עברית",
    "line one\nline two",
    "a NUL \0 and a lone surrogate \ud83e",
  ])("says how it was made: %j", async (prompt) => {
    const path = join(folder, "x.png");
    const record = {
      ...metadata,
      prompt,
      negativePrompt: prompt,
      dtype: "bfloat16",
      quantize: "int8",
      adapters: [
        { name: prompt, scale: 0.5, hash: "0123456789" },
        { name: "b", scale: -1 },
      ],
      extra: { strength: 0.5, from: [prompt] },
    };
    await image.save(path, record);
    expect(await readPictureMetadata(path)).toEqual({ ...record, width: 64, height: 48 });
    expect(await RgbImage.decode(path)).toEqual(image);
  });

  it("shows the parameters to libpng, as ASCII and as UTF-8", async () => {
    for (const [prompt, chunk] of [
      ["a fox", "tEXt"],
      ["Füchslein", "iTXt"],
      ["狐 🦊", "iTXt"],
    ] as const) {
      const path = join(folder, "y.png");
      await image.save(path, { ...metadata, prompt });
      const { comments } = await sharp(path).metadata();
      const parameters = comments?.find((comment) => comment.keyword === "parameters");
      expect(parameters?.text).toMatch(new RegExp(`^${prompt}\nSteps: 20, `));
      const names = extractChunks(await readFile(path)).map(({ name }) => name);
      expect(names.slice(0, 3)).toEqual(["IHDR", chunk, "tEXt"]);
    }
  });
});

describe("readPictureMetadata", () => {
  const written = async (text: string): Promise<string> => {
    const path = join(folder, "z.png");
    const [header, ...rest] = extractChunks(await image.encodePng());
    if (header === undefined) throw new Error("no header");
    await writeFile(path, encodeChunks([header, textChunk.encode("pixart", text), ...rest]));
    return path;
  };

  it("gives undefined for a PNG that does not say", async () => {
    const path = join(folder, "plain.png");
    await image.save(path);
    expect(await readPictureMetadata(path)).toBeUndefined();
  });

  it("refuses a record that is no JSON or lacks a field, naming it", async () => {
    const path = await written("{");
    await expect(readPictureMetadata(path)).rejects.toThrow(
      `${path}: the "pixart" text is not JSON`,
    );
    await written(JSON.stringify({ ...metadata, width: 64, height: 48, seed: "0" }));
    await expect(readPictureMetadata(path)).rejects.toThrow(
      `${path}: the "pixart" text is not a valid record: seed: expected an integer but found "0"`,
    );
    await written(JSON.stringify({ ...metadata, width: 64 }));
    await expect(readPictureMetadata(path)).rejects.toThrow(
      "is not a valid record: height: expected an integer of at least 1 but found nothing",
    );
    await written(
      JSON.stringify({ ...metadata, width: 64, height: 48, adapters: [{ name: "a" }] }),
    );
    await expect(readPictureMetadata(path)).rejects.toThrow(
      "is not a valid record: adapters: 0: scale: expected a number but found nothing",
    );
    await written("[1]");
    await expect(readPictureMetadata(path)).rejects.toThrow(
      "is not a valid record: expected an object but found [1]",
    );
  });

  it("refuses a record of more levels than any has", async () => {
    const deep = `${'{"a":'.repeat(200_000)}1${"}".repeat(200_000)}`;
    const record = JSON.stringify({ ...metadata, width: 64, height: 48 });
    const path = await written(`${record.slice(0, -1)},"extra":${deep}}`);
    await expect(readPictureMetadata(path)).rejects.toThrow(
      `${path}: the "pixart" text is not a valid record: it has more than 16 levels`,
    );
  });

  it("refuses what is no whole PNG, before allocating what a damaged length asks for", async () => {
    const path = join(folder, "cut.png");
    const png = Buffer.from(await image.encodePng(metadata));
    await writeFile(path, png.subarray(0, png.length - 5));
    await expect(readPictureMetadata(path)).rejects.toThrow(
      `${path}: not a complete PNG: a chunk is longer than the file`,
    );
    png.writeUInt32BE(0xfffffff0, 33);
    await writeFile(path, png);
    await expect(readPictureMetadata(path)).rejects.toThrow("a chunk is longer than the file");
    await writeFile(path, "hello");
    await expect(readPictureMetadata(path)).rejects.toThrow(`${path}: not a complete PNG: `);
  });

  it("finds a flipped byte", async () => {
    const path = join(folder, "flipped.png");
    const png = Buffer.from(await image.encodePng(metadata));
    png[60] = (png[60] as number) ^ 1;
    await writeFile(path, png);
    await expect(readPictureMetadata(path)).rejects.toThrow(
      "the checksum of a chunk tEXt is wrong",
    );
  });
});
