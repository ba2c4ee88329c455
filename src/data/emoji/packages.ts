import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { UnsupportedError } from "../../errors/index.ts";
import { packageFolder } from "../../files/package/package-folder.ts";

/** The four drawing styles, in the order used everywhere. */
export const EMOJI_STYLES = ["noto", "openmoji", "twemoji", "fluent"] as const;
export type EmojiStyle = (typeof EMOJI_STYLES)[number];

/** The packages with the drawings (Iconify's JSON form of each set). */
const PACKAGES: Readonly<Record<EmojiStyle, string>> = {
  noto: "@iconify-json/noto",
  openmoji: "@iconify-json/openmoji",
  twemoji: "@iconify-json/twemoji",
  fluent: "@iconify-json/fluent-emoji-flat",
};
const LABELS_PACKAGE = "emojibase-data";

interface Icon {
  readonly body: string;
  readonly left?: number;
  readonly top?: number;
  readonly width?: number;
  readonly height?: number;
}

interface IconFile {
  readonly icons: Readonly<Record<string, Icon>>;
  readonly width: number;
  readonly height: number;
}

interface SetInfo {
  readonly name: string;
  readonly author: { readonly name: string; readonly url: string };
  readonly license: { readonly title: string; readonly spdx: string; readonly url: string };
}

/** A set of drawings, looked up by code point. */
export interface EmojiSet {
  readonly style: EmojiStyle;
  /** The author and licence stated by the package. */
  readonly info: SetInfo;
  /** Package and exact version, for example `@iconify-json/noto@1.2.9`. */
  readonly package: string;
  /** The drawing's name and SVG text, `size` pixels square; undefined if the set has none. */
  svg(hexcode: string, size: number): { name: string; text: string } | undefined;
}

/** A record of emojibase-data's `en/data.json` (only the fields in use). */
export interface EmojibaseRecord {
  readonly label: string;
  /** Code points in hexadecimal, joined by `-`. */
  readonly hexcode: string;
  readonly tags?: readonly string[];
  readonly group?: number;
  readonly subgroup?: number;
}

/** emojibase-data's labels, and its names of groups and subgroups by number. */
export interface Emojibase {
  readonly package: string;
  readonly records: readonly EmojibaseRecord[];
  readonly groups: Readonly<Record<string, string>>;
  readonly subgroups: Readonly<Record<string, string>>;
}

/** Loads a set of drawings; throws, naming the `npm install` command, if it is not installed. */
export function loadEmojiSet(style: EmojiStyle): EmojiSet {
  const name = PACKAGES[style];
  const file = readJson<IconFile>(name, "icons.json");
  const names = readJson<Readonly<Record<string, string>>>(name, "chars.json");
  return {
    style,
    info: readJson<SetInfo>(name, "info.json"),
    package: named(name),
    svg(hexcode, size) {
      // Some sets list the emoji form with its variation selector, others without.
      const codes = hexcode.toLowerCase();
      const icon = names[codes] ?? names[codes.replaceAll("-fe0f", "")];
      const drawing = icon === undefined ? undefined : file.icons[icon];
      if (icon === undefined || drawing === undefined) return undefined;
      const { left = 0, top = 0, width = file.width, height = file.height } = drawing;
      const text =
        `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ` +
        `width="${size}" height="${size}" viewBox="${left} ${top} ${width} ${height}">` +
        `${drawing.body}</svg>`;
      return { name: icon, text };
    },
  };
}

/** Loads the labels; throws, naming the `npm install` command, if they are not installed. */
export function loadEmojibase(): Emojibase {
  const { groups, subgroups } = readJson<Pick<Emojibase, "groups" | "subgroups">>(
    LABELS_PACKAGE,
    "meta/groups.json",
  );
  const records = readJson<readonly EmojibaseRecord[]>(LABELS_PACKAGE, "en/data.json");
  return { package: named(LABELS_PACKAGE), records, groups, subgroups };
}

function named(name: string): string {
  return `${name}@${readJson<{ version: string }>(name, "package.json").version}`;
}

/** Looks next to this program and in the working directory. */
function readJson<T>(name: string, file: string): T {
  const require = createRequire(import.meta.url);
  const path = `${name}/${file}`;
  let found: string;
  try {
    found = require.resolve(path, { paths: [import.meta.dirname, process.cwd()] });
  } catch (error) {
    throw missingPackage(name, error);
  }
  return require(found);
}

/** The versions that this package is tested with: others have different pictures. */
function ownVersions(): Readonly<Record<string, string>> {
  if (packageFolder === undefined) return {};
  const text = readFileSync(join(packageFolder, "package.json"), "utf8");
  return JSON.parse(text).devDependencies ?? {};
}

/** The error for drawings or labels that are not installed. */
function missingPackage(name: string, cause: unknown): Error {
  const versions = ownVersions();
  const all = [...Object.values(PACKAGES), LABELS_PACKAGE]
    .map((each) => (versions[each] === undefined ? each : `${each}@${versions[each]}`))
    .join(" ");
  return new UnsupportedError(
    `The emoji pictures are made from packages that are not installed: ${name} was not found. ` +
      `Install them with: npm install --save-dev ${all}`,
    { cause },
  );
}
