import type { EmojiSet } from "./packages.ts";
import type { EmojiRecord } from "./record.ts";

/** Full names of the SPDX identifiers that the packages state. */
const LICENCE_NAMES: Readonly<Record<string, string>> = {
  "Apache-2.0": "Apache License 2.0",
  "CC-BY-SA-4.0": "Creative Commons Attribution-ShareAlike 4.0 International",
  "CC-BY-4.0": "Creative Commons Attribution 4.0 International",
  MIT: "MIT License",
};

/** README of the rendered folder: contents, authorship, and how to render it again. */
export function datasetReadme({
  records,
  sets,
  size,
  labels,
}: {
  readonly records: readonly EmojiRecord[];
  readonly sets: readonly EmojiSet[];
  readonly size: number;
  /** Package and version of the labels. */
  readonly labels: string;
}): string {
  const heldOut = records.filter((record) => record.split === "heldout");
  const share = ((100 * heldOut.length) / records.length).toFixed(1);
  const rows = sets.map(({ style, info, package: name }) => {
    const pictures = records.filter((record) => record.style === style).length;
    const held = heldOut.filter((record) => record.style === style).length;
    const licence = LICENCE_NAMES[info.license.spdx] ?? info.license.title;
    return (
      `| ${style} | ${pictures} | ${held} | [${info.name}](${info.author.url}) by ${info.author.name} | ` +
      `[${licence}](${info.license.url}) (${info.license.spdx}) | \`${name}\` |`
    );
  });
  return `# Emoji pictures

${records.length} pictures of ${new Set(records.map((record) => record.thing)).size} things, ${size}x${size} pixels, RGB on white.
${heldOut.length} (${share} %) are held out of training: at most one style of a thing, so that the thing
and the style are both seen in training and only their combination is new.

| style | pictures | held out | drawn by | licence | rendered from |
| --- | ---: | ---: | --- | --- | --- |
${rows.join("\n")}

The drawings are unchanged but for their size and the white background; each keeps the licence of
its set, which \`metadata.jsonl\` repeats for every picture. Flags and skin tones are left out, and a
drawing that a set uses for several things is taken once. Labels and tags come from
[emojibase](https://github.com/milesj/emojibase) (\`${labels}\`, MIT License), which takes them from
the Unicode CLDR.

## metadata.jsonl

One JSON object per line: \`file_name\`, \`text\` (a short caption), \`dense_text\` (a long one, with
what was measured in the pixels), \`thing\`, \`class\` (index of the thing), \`style\`, \`split\` (\`train\` or
\`heldout\`), \`group\`, \`license\`, \`source\`.

## Making it again

\`\`\`
pixart dataset emoji OUT --size ${size}
\`\`\`

The same versions of the packages give the same files, bit for bit.
`;
}
