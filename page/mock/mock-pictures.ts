import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import sharp from "sharp";
import { embedMetadata } from "../../src/images/index.ts";

/** What the made-up runs draw: names in Noto Emoji, and captions. */
export const SUBJECTS = [
  ["red-apple", "a red apple, noto style"],
  ["fox", "a fox, noto style"],
  ["sailboat", "a sailboat on water, noto style"],
  ["cactus", "a green cactus, noto style"],
  ["teapot", "a teapot, noto style"],
  ["owl", "an owl, noto style"],
  ["house-with-garden", "a house with a garden, noto style"],
  ["rocket", "a rocket, noto style"],
  ["cherry-blossom", "a cherry blossom, noto style"],
  ["octopus", "an octopus, noto style"],
  ["balloon", "a red balloon, noto style"],
  ["mushroom", "a mushroom with a red hat, noto style"],
] as const;

interface IconSet {
  readonly icons: Readonly<Record<string, { readonly body: string }>>;
}

const SIDE = 128;
const require = createRequire(import.meta.url);
let icons: Promise<IconSet["icons"]> | undefined;
const cache = new Map<string, Promise<Buffer>>();

const loadIcons = async (): Promise<IconSet["icons"]> => {
  const text = await readFile(require.resolve("@iconify-json/noto/icons.json"), "utf8");
  return (JSON.parse(text) as IconSet).icons;
};

/** The subject as it is after a part of the training or of the denoising, from 0 to 1: mud, then blurred, then clear. WebP. */
export function picture(subject: number, clearness: number, side: number): Promise<Buffer> {
  const name = SUBJECTS[subject % SUBJECTS.length]?.[0] ?? "fox";
  const level = Math.round(clearness * 10) / 10;
  const key = `${name} ${level} ${side}`;
  const known = cache.get(key) ?? make(name, level, side);
  cache.set(key, known);
  return known;
}

async function make(name: string, clearness: number, side: number): Promise<Buffer> {
  icons ??= loadIcons();
  const body = (await icons)[name]?.body ?? "";
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-8 -8 144 144"><rect x="-8" y="-8" width="144" height="144" fill="#fff"/>${body}</svg>`;
  const small = await sharp(Buffer.from(svg)).resize(SIDE, SIDE).png().toBuffer();
  const blur = (1 - clearness) * 22;
  const shape = sharp(small).modulate({ saturation: 0.4 + 0.6 * clearness });
  const blurred = blur < 0.4 ? shape : shape.blur(blur);
  return sharp(await blurred.png().toBuffer())
    .resize(side, side)
    .webp({ quality: 80 })
    .toBuffer();
}

/** A sheet of the first subjects, side by side. */
export async function sheet(clearness: number): Promise<Buffer> {
  const cells = await Promise.all(SUBJECTS.slice(0, 8).map((_, i) => picture(i, clearness, SIDE)));
  const composite = cells.map((input, i) => ({
    input,
    left: (i % 4) * SIDE,
    top: Math.floor(i / 4) * SIDE,
  }));
  const width = 4 * SIDE;
  return sharp({ create: { width, height: 2 * SIDE, channels: 3, background: "#fff" } })
    .composite(composite)
    .webp()
    .toBuffer();
}

/** A drawn picture as a PNG that remembers how it was made. */
export async function drawnPng(
  subject: number,
  prompt: string,
  seed: number,
  side: number,
): Promise<Uint8Array> {
  const png = await sharp(await picture(subject, 1, side))
    .png()
    .toBuffer();
  return embedMetadata(png, {
    prompt,
    steps: 20,
    sampler: "dpm-solver++",
    guidanceScale: 4.5,
    seed,
    model: "emoji-demo",
    width: side,
    height: side,
  });
}

/** The subject that a prompt names, or any for a seed. */
export function subjectOf(prompt: string, seed: number): number {
  const words = prompt.toLowerCase();
  const named = SUBJECTS.findIndex(([name]) => words.includes(name.split("-").at(-1) ?? name));
  return named >= 0 ? named : seed % SUBJECTS.length;
}
