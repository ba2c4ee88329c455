import { dirname } from "node:path";
import { makeFolder } from "../files/make-folder.ts";
import { replaceFile } from "../files/replace-file.ts";
import { escaped } from "../images/escaped.ts";
import type { RgbImage } from "../images/index.ts";
import { shrunk } from "./caption-pictures.ts";

/** One row of a review page. */
export interface ReviewedPicture {
  readonly file: string;
  readonly image: RgbImage;
  readonly raw: string;
  readonly dense: string;
  /** Whether the dense caption was cut off at the token limit. */
  readonly cut: boolean;
}

/** Longest side of a picture on the page; larger ones are reduced. */
export const THUMBNAIL_PX = 256;

/** Writes one HTML file for reviewing captions: thumbnails inlined, texts escaped, without external resources or scripts. */
export async function writeReviewPage(
  path: string,
  title: string,
  pictures: readonly ReviewedPicture[],
): Promise<void> {
  const rows = await Promise.all(pictures.map(rowOf));
  const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${escaped(title)}</title>
<style>
  body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1b1b1b; background: #fff }
  article { display: grid; grid-template-columns: ${THUMBNAIL_PX}px 1fr; gap: 1.5rem; padding: 1.2rem 0; border-top: 1px solid #ccc }
  img { max-width: 100%; height: auto; background: #eee }
  h2 { font-size: 0.85rem; font-weight: 600; color: #555; margin: 0 0 0.6rem; overflow-wrap: anywhere }
  p { margin: 0 0 0.6rem; white-space: pre-wrap; overflow-wrap: anywhere }
  .raw { color: #555 }
  .cut { color: #a40000; font-weight: 600 }
  @media (max-width: 40rem) { article { grid-template-columns: 1fr } }
  @media (prefers-color-scheme: dark) { body { color: #eee; background: #1b1b1b } h2, .raw { color: #aaa } .cut { color: #ff8a80 } }
</style>
<h1>${escaped(title)}</h1>
${rows.join("\n")}
</html>
`;
  await makeFolder(dirname(path));
  await replaceFile(path, [Buffer.from(page)]);
}

async function rowOf({ file, image, raw, dense, cut }: ReviewedPicture): Promise<string> {
  const thumbnail = await shrunk(image, THUMBNAIL_PX);
  const jpeg = Buffer.from(await thumbnail.encodeJpeg(80)).toString("base64");
  const size = `width="${thumbnail.width}" height="${thumbnail.height}"`;
  return `<article>
<img ${size} alt="" src="data:image/jpeg;base64,${jpeg}">
<div><h2>${escaped(file)}</h2>
<p class="raw">${raw === "" ? "(no raw caption)" : escaped(raw)}</p>
<p>${escaped(dense)}</p>${cut ? '\n<p class="cut">cut at the token limit</p>' : ""}</div>
</article>`;
}
