/** Visible properties of a drawing, measured from its pixels. */
export interface Appearance {
  /** Names of the colours that cover a sizeable share of the drawing, largest first. */
  readonly colours: readonly { readonly name: string; readonly share: number }[];
  /** Words for outline and size, for example "round", "filling the frame". */
  readonly shape: readonly string[];
}

/** Names and typical sRGB values; a pixel gets the name of the nearest (in Oklab). */
const NAMED_COLOURS: readonly (readonly [string, number])[] = [
  ["white", 0xffffff],
  ["light grey", 0xc8ccd0],
  ["grey", 0x8c9094],
  ["dark grey", 0x4a4c50],
  ["black", 0x101214],
  ["red", 0xdd2c2f],
  ["dark red", 0x8a1a22],
  ["pink", 0xf7a0b8],
  ["magenta", 0xd8418f],
  ["orange", 0xf5872a],
  ["dark orange", 0xc2571c],
  ["peach", 0xffcba4],
  ["cream", 0xf8ecd0],
  ["yellow", 0xfdcb38],
  ["light yellow", 0xfdea8c],
  ["tan", 0xcfa06c],
  ["brown", 0x8a5632],
  ["dark brown", 0x4e3026],
  ["light brown", 0xbc6c4c],
  ["light green", 0xb4d86c],
  ["light green", 0xc6e5b3],
  ["green", 0x5fae3a],
  ["dark green", 0x2e6b38],
  ["teal", 0x1f9a96],
  ["light blue", 0x94d0f4],
  ["blue", 0x2f86de],
  ["dark blue", 0x26407c],
  ["light purple", 0xc4a2e8],
  ["purple", 0x8044a8],
];

/** Smaller areas (eyes, outlines, antialiased edges) are not named. */
const MIN_SHARE = 0.08;
const MAX_COLOURS = 4;
/** How well a shape must match an ellipse or a rectangle (intersection over union). */
const SHAPE_MATCH = 0.92;

type Lab = readonly [number, number, number];

/** Oklab of an sRGB colour (bottosson.github.io/posts/oklab). */
function oklab(r: number, g: number, b: number): Lab {
  const [R, G, B] = [linear(r), linear(g), linear(b)];
  const l = Math.cbrt(0.4122214708 * R + 0.5363325363 * G + 0.0514459929 * B);
  const m = Math.cbrt(0.2119034982 * R + 0.6806995451 * G + 0.1073969566 * B);
  const s = Math.cbrt(0.0883024619 * R + 0.2817188376 * G + 0.6299787005 * B);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function linear(value: number): number {
  const x = value / 255;
  return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
}

const PALETTE: readonly (readonly [string, Lab])[] = NAMED_COLOURS.map(([name, rgb]) => [
  name,
  oklab(rgb >> 16, (rgb >> 8) & 255, rgb & 255),
]);

const nearestNames = new Map<number, string>();

/** The name of a colour with channels from 0 to 255. */
export function colourName(r: number, g: number, b: number): string {
  // Five bits per channel are as precise as the names, and keep the table small.
  const key = ((r >> 3) << 10) | ((g >> 3) << 5) | (b >> 3);
  const known = nearestNames.get(key);
  if (known !== undefined) return known;
  const centre = (value: number): number => Math.min(255, (value >> 3) * 8.226);
  const [L, A, B] = oklab(centre(r), centre(g), centre(b));
  let name = "";
  let nearest = Number.POSITIVE_INFINITY;
  for (const [candidate, [l, a, bb]] of PALETTE) {
    const distance = (L - l) ** 2 + 4 * ((A - a) ** 2 + (B - bb) ** 2);
    if (distance < nearest) [name, nearest] = [candidate, distance];
  }
  nearestNames.set(key, name);
  return name;
}

/** Measures a drawing: `rgba` holds `size` rows of `size` straight (not premultiplied) pixels. */
export function measureAppearance(rgba: Uint8Array, size: number): Appearance {
  const inside = new Uint8Array(size * size);
  const areas = new Map<string, number>();
  let area = 0;
  for (let pixel = 0; pixel < inside.length; pixel += 1) {
    const [r, g, b, alpha] = rgba.subarray(pixel * 4, pixel * 4 + 4) as unknown as Rgba;
    if (alpha < 128) continue;
    inside[pixel] = 1;
    area += 1;
    const name = colourName(r, g, b);
    areas.set(name, (areas.get(name) ?? 0) + 1);
  }
  const colours = [...areas]
    .map(([name, pixels]) => ({ name, share: pixels / area }))
    .filter(({ share }) => share >= MIN_SHARE)
    .sort((a, b) => b.share - a.share || (a.name < b.name ? -1 : 1))
    .slice(0, MAX_COLOURS);
  return { colours, shape: area === 0 ? [] : shapeWords(inside, size, area) };
}

type Rgba = readonly [number, number, number, number];

function shapeWords(inside: Uint8Array, size: number, area: number): string[] {
  let [left, right, top, bottom] = [size, -1, size, -1];
  for (let pixel = 0; pixel < inside.length; pixel += 1) {
    if (inside[pixel] === 0) continue;
    const [x, y] = [pixel % size, Math.floor(pixel / size)];
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  const [width, height] = [right - left + 1, bottom - top + 1];
  const aspect = width / height;
  const even = aspect > 0.85 && aspect < 1 / 0.85;

  const words: string[] = [];
  if (area / (width * height) >= SHAPE_MATCH) words.push(even ? "square" : "rectangular");
  else if (ellipseMatch() >= SHAPE_MATCH) words.push(even ? "round" : "oval");
  if (aspect >= 1.6) words.push("wide and low");
  if (aspect <= 1 / 1.6) words.push("tall and narrow");
  if (Math.min(width, height) >= size * 0.9) words.push("filling the frame");
  else if (Math.max(width, height) <= size * 0.5) words.push("small in the frame");
  return words;

  /** Intersection over union with the ellipse inscribed in the bounding box. */
  function ellipseMatch(): number {
    let [both, either] = [0, 0];
    for (let y = top; y <= bottom; y += 1) {
      for (let x = left; x <= right; x += 1) {
        const [dx, dy] = [(x - left + 0.5) / width - 0.5, (y - top + 0.5) / height - 0.5];
        const round = dx * dx + dy * dy <= 0.25 ? 1 : 0;
        const drawn = inside[y * size + x] as number;
        both += round & drawn;
        either += round | drawn;
      }
    }
    return both / either;
  }
}
