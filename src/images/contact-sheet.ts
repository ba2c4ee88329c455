import sharp from "sharp";
import { expected } from "../errors/index.ts";
import { captionLines } from "./caption-lines.ts";
import { escaped } from "./escaped.ts";
import { RgbImage } from "./rgb-image.ts";

/** Options of {@link contactSheet}. */
export interface ContactSheetOptions {
  /** Most pictures per row. */
  readonly columns: number;
  /** One caption per picture, in the same order, of up to three lines. Default: none. */
  readonly labels?: readonly string[];
  /**
   * Side, in pixels, of the square cell of each picture. Default: the longest side of all pictures, doubled until it is at least
   * 128.
   */
  readonly cell?: number;
  /** How small pictures are enlarged: as sharp squares, or smoothly. Default "nearest". */
  readonly scale?: "nearest" | "lanczos";
  /** Red, green and blue, 0 to 255. Default white. */
  readonly background?: readonly [number, number, number];
}

const GAP = 8;
const MAX_LINES = 3;
/** Below this cell size the captions are smaller. */
const NARROW_CELL = 96;
/** Without `cell`, small pictures are doubled until their longer side reaches this. */
const READABLE_PX = 128;

/**
 * Combines many pictures into one: a grid with each picture fitted into a cell, with its caption under it. There are 8 pixels
 * around the cells, so n in a row make the sheet 8 + n · (`cell` + 8) pixels wide; each row is as high as its cells with the
 * highest caption.
 * @throws InvalidValueError for no pictures, another number of labels than pictures, and `columns` or `cell` that are no positive
 * integer
 */
export async function contactSheet(
  images: readonly RgbImage[],
  {
    columns,
    labels,
    scale = "nearest",
    background = [255, 255, 255],
    cell = defaultCell(images),
  }: ContactSheetOptions,
): Promise<RgbImage> {
  if (images.length === 0) throw expected("at least one picture", "images", "none");
  if (!(Number.isInteger(columns) && columns > 0)) {
    throw expected("a whole number above 0", "columns", columns);
  }
  if (!(Number.isInteger(cell) && cell > 0)) {
    throw expected("a whole number above 0", "cell", cell);
  }
  if (labels !== undefined && labels.length !== images.length) {
    throw expected(`one label per picture (${images.length})`, "labels", labels.length);
  }
  const across = Math.min(columns, images.length);
  const fontPx = cell < NARROW_CELL ? 10 : 12;
  const linePx = fontPx + 3;
  const captions = (labels ?? []).map((label) => captionLines(label, cell / fontPx, MAX_LINES));
  const captionPx = captions.map((lines) => lines.length * linePx);
  const rows = layRows(images.length, across, cell, captionPx);
  const sheet = RgbImage.filled(GAP + across * (cell + GAP), rows.height, background);

  const placed = await Promise.all(images.map((image) => fitted(image, cell, scale)));
  for (const [index, image] of placed.entries()) {
    const left = GAP + (index % across) * (cell + GAP) + Math.floor((cell - image.width) / 2);
    const top = rows.top(index) + Math.floor((cell - image.height) / 2);
    paste(sheet, image, left, top);
  }
  if (captions.length === 0) return sheet;

  const ink =
    background[0] * 0.3 + background[1] * 0.59 + background[2] * 0.11 > 127 ? "#111" : "#eee";
  const text = captions.flatMap((lines, index) => {
    const middle = GAP + (index % across) * (cell + GAP) + cell / 2;
    const top = rows.top(index) + cell;
    return lines.map(
      (line, at) =>
        `<text x="${middle}" y="${top + (at + 1) * linePx - 1}">${escapedXml(line)}</text>`,
    );
  });
  const overlay =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${sheet.width}" height="${sheet.height}">` +
    `<g font-family="sans-serif" font-size="${fontPx}" fill="${ink}" text-anchor="middle">` +
    `${text.join("")}</g></svg>`;
  const data = await sharp(sheet.data, {
    raw: { width: sheet.width, height: sheet.height, channels: 3 },
  })
    .composite([{ input: Buffer.from(overlay) }])
    .removeAlpha()
    .raw()
    .toBuffer();
  return new RgbImage(sheet.width, sheet.height, data);
}

function defaultCell(images: readonly RgbImage[]): number {
  let cell = Math.max(1, ...images.map((image) => Math.max(image.width, image.height)));
  while (cell < READABLE_PX) cell *= 2;
  return cell;
}

/** Each row is as high as its highest caption requires. */
function layRows(
  count: number,
  across: number,
  cell: number,
  captionPx: readonly number[],
): { height: number; top: (index: number) => number } {
  const tops: number[] = [];
  let height = GAP;
  for (let first = 0; first < count; first += across) {
    tops.push(height);
    height += cell + Math.max(0, ...captionPx.slice(first, first + across)) + GAP;
  }
  return { height, top: (index) => tops[Math.floor(index / across)] as number };
}

/** A picture at the size of a sheet's cell; many pictures are reduced this way before the sheet is laid out. */
export async function fitted(
  image: RgbImage,
  cell: number,
  scale: "nearest" | "lanczos" = "nearest",
): Promise<RgbImage> {
  const factor = Math.min(cell / image.width, cell / image.height);
  const kernel = factor > 1 && scale === "nearest" ? "nearest" : "lanczos3";
  const side = (length: number): number => Math.max(1, Math.round(length * factor));
  return image.resize(side(image.width), side(image.height), kernel);
}

function paste(sheet: RgbImage, image: RgbImage, left: number, top: number): void {
  const bytes = image.width * 3;
  for (let row = 0; row < image.height; row += 1) {
    const from = image.data.subarray(row * bytes, (row + 1) * bytes);
    sheet.data.set(from, ((top + row) * sheet.width + left) * 3);
  }
}

/** XML allows fewer characters than HTML. */
const escapedXml = (text: string): string =>
  escaped(text.replace(/[^\t\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd"));
