// A data set of another kind than emoji: Debian's Open Clip Art (public domain), thousands of drawings by hundreds of hands, with titles and
// keywords. Writes a folder of pictures and metadata.jsonl, which training reads as it reads anybody's.
//
//   apt-get download openclipart-svg openclipart-png && for p in openclipart-*.deb; do dpkg-deb -x $p openclipart; done
//   npx tsx bench/openclipart.ts openclipart/usr/share/openclipart data/openclipart 64
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import sharp from "sharp";

const [root, out, side = "64"] = process.argv.slice(2);
if (root === undefined || out === undefined) {
  console.error("Usage: npx tsx bench/openclipart.ts FOLDER_OF_PACKAGES OUT [SIDE]");
  process.exit(2);
}

/** Words rather than things, or hundreds of pictures alike. */
const LEFT_OUT = /^(signs_and_symbols\/flags|logos|unsorted|special|buttons|shapes|geography)\//;
/** Titles that name a collection. */
const COLLECTION = /collection|theme|clipart by|aiga|^untitled|^gramastar/i;
const MOST_KEYWORDS = 4;

const decoded = (text: string): string =>
  text
    .replace(/&(?:amp|quot|apos|lt|gt);/g, " ")
    .replace(/[_\s]+/g, " ")
    .trim()
    .toLowerCase();

const between = (svg: string, tag: string): string[] =>
  [...svg.matchAll(new RegExp(`<${tag}>\\s*([^<]*?)\\s*</${tag}>`, "g"))].map(([, text = ""]) =>
    decoded(text),
  );

/** A drawing's title and first keywords; undefined where they say nothing of it. */
function captionOf(svg: string): string | undefined {
  const [title = ""] = between(svg, "dc:title");
  const keywords = between(svg, "rdf:li").filter(
    (word) => word !== "" && word !== "hash" && word !== title,
  );
  const named = COLLECTION.test(title) || title === "" ? [] : [title];
  const words = [...new Set([...named, ...keywords.slice(0, MOST_KEYWORDS)])];
  return words.length === 0 ? undefined : words.join(", ");
}

const svgs = join(root, "svg");
const names = readdirSync(svgs, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".svg") && !LEFT_OUT.test(name))
  .sort();
const lines: string[] = [];
let skipped = 0;
for (const name of names) {
  const caption = captionOf(readFileSync(join(svgs, name), "utf8"));
  const file = name.replace(/svg$/, "png");
  if (caption === undefined) {
    skipped++;
    continue;
  }
  const path = join(out, file);
  mkdirSync(dirname(path), { recursive: true });
  try {
    await sharp(join(root, "png", file))
      .resize(Number(side), Number(side), { fit: "contain", background: "white" })
      .flatten({ background: "white" })
      .png()
      .toFile(path);
    lines.push(JSON.stringify({ file_name: file, text: caption }));
  } catch {
    skipped++; // a drawing that was not rendered
  }
}
writeFileSync(join(out, "metadata.jsonl"), lines.join("\n"));
console.log(`${lines.length} pictures in ${out}; ${skipped} without words or picture left out`);
