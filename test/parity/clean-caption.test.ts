import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { cleanCaption } from "../../src/text/index.ts";
import { runPython } from "./python.ts";

const script = fileURLToPath(new URL("clean-caption.py", import.meta.url));

/** What crawled captions are made of. */
const bits = [
  ..."a red fox,in the snow|https://example.com/fox.png|www:fox|@fox_1|<b>bold</b>|<br/>|<!-- no -->".split(
    "|",
  ),
  ..."&amp; more|tom&jerry|&lt;3|&#39;s|rock &quot;n&quot; roll|this-is-my-cute-cat|--dash—long–mid".split(
    "|",
  ),
  ..."word_word_word_word_x|jc6640vc|jc6640|6640vc231|a1b2c3d4|1024x768|3.5x4|10х12|4×4|page 12".split(
    "|",
  ),
  ..."free shipping worldwide|worldwide free shipping|click on here|download free|mp4 images|jpeg".split(
    "|",
  ),
  ...'«quoted»|“curly”|it’s|“‘x’”|""all""|\'start|end-|192.168.0.1|#123|#123456|12345678|1:23 '.split(
    "|",
  ),
  ..."fox.jpg|...|a . b|(paren) [x] {y}|hello , world|a : b|x/y|e.g. this|u.s.a.|co.uk|foo.com/bar".split(
    "|",
  ),
  ..."100%25 wool|a+b|%e4%bd%a0|%ff|naïve café|ÀÉ|№ 5|½ cup|10 km/h|don't|ß|İ|ΣΑΣ|ﬁne|ａｂｃ".split(
    "|",
  ),
  ...[
    "猫",
    "㌀",
    "㐀 x",
    "🦊 fox",
    "👩‍🚀",
    "٣٤٥٦٧٨ items",
    "\\n",
    "tab\there",
    "nbsp\u00a0here",
    "zero\u200bwidth",
  ],
  ...["line\r\nbreak", "bell\u0007", "a\u0308", "<person> smiles", "i <3 you", "5 > 3", "", " "],
];

/** Captions whose cleaning differs, and why. */
const exceptions: readonly (readonly [caption: string, theirs: string, why: string])[] = [
  ["caf&eacute; &zwnj;noir", "café \u200cnoir", "names of HTML entities beyond the common ones"],
];

let state = 7;
const random = (below: number): number => {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return Math.floor((state / 0x80000000) * below);
};
const mixed = Array.from({ length: 5000 }, () =>
  Array.from({ length: 1 + random(5) }, () => bits[random(bits.length)]).join(random(5) ? " " : ""),
);
const captions = [...bits, ...mixed];

let theirs: string[];
beforeAll(async () => {
  const all = [...captions, ...exceptions.map(([caption]) => caption)];
  theirs = (await runPython(script, all)) as string[];
});

describe("cleanCaption against diffusers with ftfy and BeautifulSoup", () => {
  it("gives the same text", () => {
    const different = captions.flatMap((caption, i) => {
      const ours = cleanCaption(caption);
      return ours === theirs[i] ? [] : [{ caption, ours, theirs: theirs[i] }];
    });
    expect(different.slice(0, 5)).toEqual([]);
  });

  it("changes most captions of the test", () => {
    const changed = captions.filter((caption, i) => caption !== theirs[i]).length;
    expect(changed).toBeGreaterThan(captions.length * 0.8);
  });

  it.each(exceptions)("differs on %j", (caption, expected) => {
    const at = exceptions.findIndex(([text]) => text === caption);
    expect(theirs[captions.length + at]).toBe(expected);
    expect(cleanCaption(caption)).not.toBe(expected);
  });
});
