/**
 * Time to decode pictures and to resize them, here and by sharp: `npx tsx bench/resize.ts [rounds]`. Milliseconds of processor
 * time over all threads, and of the main thread where it is held up; the least of all rounds.
 */
import sharp from "sharp";
import { RgbImage } from "../src/images/index.ts";

const rounds = Number(process.argv[2] ?? 20);

/** A JPEG of waves and noise, about as hard as a photo. */
async function photo(width: number, height: number): Promise<Uint8Array> {
  let state = 1;
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return 127 + 90 * Math.sin(x / 50 + (i % 3)) * Math.cos(y / 70) + ((state >>> 24) - 128) / 6;
  });
  return new RgbImage(width, height, data).encodeJpeg();
}

const least = new Map<string, number>();
const note = (what: string, ms: number): void => {
  least.set(what, Math.min(ms, least.get(what) ?? Number.POSITIVE_INFINITY));
};

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const before = process.cpuUsage();
  const start = performance.now();
  const result = work();
  note(`${what}, main thread`, performance.now() - start);
  await result;
  const { user, system } = process.cpuUsage(before);
  note(what, (user + system) / 1000);
  return result;
}

type Size = readonly [width: number, height: number];
const CASES: readonly (readonly [from: Size, to: Size])[] = [
  [
    [4000, 3000],
    [1365, 1024],
  ],
  [
    [1600, 1200],
    [683, 512],
  ],
  [
    [300, 300],
    [512, 512],
  ],
];
for (const [from, to] of CASES) {
  const bytes = await photo(...from);
  least.clear();
  for (let round = 0; round < rounds; round++) {
    const image = await timed("decode", () => RgbImage.decode(bytes));
    await timed("resize", () => image.resize(...to));
    const raw = { width: image.width, height: image.height, channels: 3 } as const;
    const options = { kernel: "lanczos3", fit: "fill" } as const;
    await timed("sharp", () =>
      sharp(image.data, { raw })
        .resize(...to, options)
        .raw()
        .toBuffer(),
    );
  }
  const found = [...least].map(([what, ms]) => `${what} ${ms.toFixed(1)}`);
  console.log(`${from.join("x")} to ${to.join("x")}: ${found.join(", ")}`);
}
