import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import { runPython } from "./python.ts";

const KERNELS = ["nearest", "linear", "cubic", "lanczos3"] as const;
type Kernel = (typeof KERNELS)[number];

type Size = readonly [width: number, height: number];

/** Noise, stripes of a pixel and a soft ramp: what shifts, rings or is smoothed otherwise shows in it. */
function picture(width: number, height: number): RgbImage {
  let state = 1;
  const noise = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  };
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return [noise(), 255 * ((x + y) % 2), (255 * (x + y)) / (width + height)][i % 3] ?? 0;
  });
  return new RgbImage(width, height, data);
}

/** Width and height before and after. */
const CASES: readonly (readonly [name: string, from: Size, to: Size])[] = [
  ["a little larger", [97, 61], [105, 66]],
  ["larger", [64, 64], [96, 160]],
  ["much larger", [33, 20], [512, 300]],
  ["a little smaller", [97, 61], [90, 60]],
  ["smaller", [640, 427], [256, 170]],
  ["much smaller", [1600, 1200], [64, 48]],
  ["larger in one direction and smaller in the other", [50, 300], [171, 37]],
  ["much lower and a little narrower", [60, 200], [50, 100]],
  ["a tall one smaller", [120, 300], [60, 150]],
  ["wider alone", [40, 30], [61, 30]],
  ["lower alone", [40, 30], [40, 11]],
  ["to one pixel", [31, 17], [1, 1]],
  ["from one pixel", [1, 1], [9, 4]],
  ["from one row", [1000, 1], [37, 5]],
  ["to three halves, where nearest pixels tie", [12, 10], [18, 15]],
  ["to two thirds", [999, 333], [666, 222]],
];

describe("a resized picture", () => {
  let answers: readonly Readonly<Record<Kernel, string>>[];
  beforeAll(async () => {
    const script = fileURLToPath(new URL("resize.py", import.meta.url));
    const asked = CASES.map(([, from, to]) => {
      const pixels = Buffer.from(picture(...from).data).toString("base64");
      return { from, to, pixels };
    });
    answers = (await runPython(script, asked)) as typeof answers;
  });

  it.each(CASES)("has Pillow's bytes: %s", async (name, from, to) => {
    const answer = answers[CASES.findIndex(([each]) => each === name)];
    for (const kernel of KERNELS) {
      const { data } = await picture(...from).resize(...to, kernel);
      const theirs = Buffer.from(answer?.[kernel] ?? "", "base64");
      expect(data.length, kernel).toBe(theirs.length);
      expect(Buffer.compare(data, theirs), kernel).toBe(0);
    }
  });
});
