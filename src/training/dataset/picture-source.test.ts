import { describe, expect, it } from "vitest";
import { ImageError, RgbImage, sobelEdges } from "../../images/index.ts";
import { type Condition, type Crop, PictureSource } from "./picture-source.ts";
import type { Example } from "./training-data.ts";

/** A picture whose pixels say where they are. */
const map = (width: number, height: number): RgbImage =>
  new RgbImage(
    width,
    height,
    Uint8Array.from({ length: width * height * 3 }, (_, i) => {
      const [pixel, channel] = [Math.floor(i / 3), i % 3];
      const [x, y] = [pixel % width, Math.floor(pixel / width)];
      return channel === 0 ? (255 * x) / width : channel === 1 ? (255 * y) / height : 0;
    }),
  );

const exampleOf = (picture: RgbImage, control?: RgbImage): Example => ({
  file: "fox.png",
  path: "/data/fox.png",
  read: () => picture.encodePng(),
  size: async () => picture,
  control: control && { path: "/maps/fox.png", read: () => control.encodePng() },
  shortCaption: "a fox",
  denseCaption: "a fox",
  thing: undefined,
  group: undefined,
  style: undefined,
  classLabel: undefined,
});

const transform = { resample: "bilinear", crop: "random", horizontalFlip: 0.5 } as const;
async function seen(example: Example, crop: Crop, condition?: Condition): Promise<RgbImage> {
  const source = new PictureSource({ transform }, condition);
  const file = await source.read(example);
  return source.crop(await file.decode(), file, crop);
}
const keyOf = async (example: Example, condition?: Condition): Promise<string> =>
  (await new PictureSource({ transform }, condition).read(example)).key();

const bucket = { ratio: 1, width: 24, height: 24 };
const crops: readonly Crop[] = [0, 0.3, 0.99, "center" as const].flatMap((place) =>
  [false, true].map((mirrored) => ({ bucket, place, mirrored })),
);

describe("PictureSource", () => {
  const picture = map(96, 48);

  it.each(crops)("cuts a control picture where its picture is cut: %j", async (crop) => {
    const own = await seen(exampleOf(picture), crop);
    expect((await seen(exampleOf(picture, picture), crop, "given")).data).toEqual(own.data);
    // Of another size and shape, as annotators make them: both are maps of places, and show the same ones.
    const other = await seen(exampleOf(picture, map(60, 36)), crop, "given");
    const apart = own.data.map((value, i) => Math.abs(value - (other.data[i] ?? 0)));
    expect(Math.max(...apart)).toBeLessThan(8); // a pixel across is 255/48
  });

  it("makes edges of what is seen", async () => {
    const crop: Crop = { bucket, place: 0.3, mirrored: true };
    const own = await seen(exampleOf(picture), crop);
    expect((await seen(exampleOf(picture), crop, "edges")).data).toEqual(sobelEdges(own).data);
  });

  it("gives keys that tell conditions, and sizes that control pictures lie over, apart", async () => {
    const control = map(8, 8);
    const keys = await Promise.all([
      keyOf(exampleOf(control)),
      keyOf(exampleOf(control), "edges"),
      keyOf(exampleOf(picture, control), "given"),
      keyOf(exampleOf(map(48, 96), control), "given"),
    ]);
    expect(new Set(keys).size).toBe(4);
    expect(await keyOf(exampleOf(picture, control), "given")).toBe(keys[2]);
  });

  it("names the control picture that cannot be read, and the picture that lacks one", async () => {
    const broken: Example = {
      ...exampleOf(picture),
      control: { path: "/maps/fox.png", read: async () => Buffer.from("no picture") },
    };
    await expect(seen(broken, crops[0] as Crop, "given")).rejects.toThrow(ImageError);
    await expect(seen(broken, crops[0] as Crop, "given")).rejects.toThrow(/^\/maps\/fox\.png: /);
    await expect(seen(exampleOf(picture), crops[0] as Crop, "given")).rejects.toThrow(
      "Expected a control picture for /data/fox.png",
    );
  });
});
