import { unescapeHtml } from "./html-references.ts";
import { htmlText } from "./html-text.ts";
import { pythonRegExp, pythonStrip } from "./python-regexp.ts";
import { removeAddresses } from "./remove-addresses.ts";
import { repairText } from "./repair-text.ts";

type Step = readonly [pattern: RegExp, replacement: string];

const fileType = "(?:png|jpg|jpeg|bmp|webp|eps|pdf|apk|mp4)";

/** Applied after the markup is removed. */
const marks: readonly Step[] = [
  [pythonRegExp("@\\w+\\b"), ""],
  [/[\u31c0-\u31ef\u31f0-\u31ff\u3200-\u33ff\u3400-\u9fff]+/g, ""],
  [
    /[\u002d\u058a\u05be\u1400\u1806\u2010-\u2015\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u301c\u3030\u30a0\ufe31\ufe32\ufe58\ufe63\uff0d]+/g,
    "-",
  ],
  [/[`´«»“”¨]/g, '"'],
  [/[‘’]/g, "'"],
  [/&quot;?/g, ""],
  [/&amp/g, ""],
  [pythonRegExp("\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}"), " "],
  [pythonRegExp("\\d:\\d\\d\\s+$"), ""],
  [/\\n/g, " "],
  [pythonRegExp("#\\d{1,3}\\b"), ""],
  [pythonRegExp("#\\d{5,}\\b"), ""],
  [pythonRegExp("\\b\\d{6,}\\b"), ""],
  // A name ends with the last of its extensions. It begins after white space; other beginnings would take quadratic time.
  [pythonRegExp(`(?<!\\S)\\S+\\.${fileType}`), ""],
  [/["']{2,}/g, '"'],
  [/\.{2,}/g, " "],
  [/[#®•©™&@·º½¾¿¡§~)(\][}{|\\/*]+/g, " "],
  [pythonRegExp("(?<!\\s)\\s+\\.\\s+"), " "], // no white space before it, for the same reason
];

/** Applied after the text is repaired. */
const shopTalk: readonly Step[] = [
  [pythonRegExp("\\b[a-zA-Z]{1,3}\\d{3,15}\\b"), ""],
  [pythonRegExp("\\b[a-zA-Z]+\\d+[a-zA-Z]+\\b"), ""],
  [pythonRegExp("\\b\\d+[a-zA-Z]+\\d+\\b"), ""],
  [pythonRegExp("(?:worldwide\\s+)?(?:free\\s+)?shipping"), ""],
  [pythonRegExp("(?:free\\s)?download(?:\\sfree)?"), ""],
  [pythonRegExp("\\bclick\\b\\s(?:for|on)\\s\\w+"), ""],
  [pythonRegExp(`\\b${fileType}(?:\\simages?)?`), ""],
  [pythonRegExp("\\bpage\\s+\\d+\\b"), ""],
  [pythonRegExp("\\b\\d*[a-zA-Z]+\\d+[a-zA-Z]+\\d+[a-zA-Z\\d]*\\b"), " "],
  [pythonRegExp("\\b\\d+(?:\\.\\d*)?[xх×]\\d+(?:\\.\\d*)?\\b"), ""], // Latin, Cyrillic, and the sign
  [pythonRegExp("\\b\\s+:\\s+"), ": "],
  [pythonRegExp("(\\D[,./])\\b"), "$1 "],
  [pythonRegExp("\\s+"), " "],
  [/^["']([\s\S]+)["']$/g, "$1"],
  [/^['_,\-:;]/g, ""],
  [/['_,\-:+]$/g, ""],
  [pythonRegExp("^\\.\\S+$"), ""],
];

/**
 * Removes addresses, markup, handles, sizes, file names and marketing phrases from a caption and lower-cases it, as for the
 * released models' training: one pass of diffusers' pipelines/pixart_alpha/pipeline_pixart_alpha.py `_clean_caption`, with ftfy
 * and BeautifulSoup. Pipelines run it twice.
 */
export function cleanCaption(caption: string): string {
  const lower = pythonStrip(unquotePlus(caption)).toLowerCase();
  const withoutAddresses = removeAddresses(lower.replaceAll("<person>", "person"));
  const words = apply(htmlText(withoutAddresses), marks);
  const joints = words.match(/[-_]/g)?.length ?? 0;
  const parted = joints > 3 ? words.replaceAll(/[-_]/g, " ") : words; // this-is-my-cute-cat
  const repaired = unescapeHtml(unescapeHtml(repairText(parted)));
  return pythonStrip(apply(repaired, shopTalk));
}

function apply(text: string, steps: readonly Step[]): string {
  return steps.reduce(
    (result, [pattern, replacement]) => result.replace(pattern, replacement),
    text,
  );
}

/** Percent-decoding with + as a space, as Python's `unquote_plus`; invalid UTF-8 becomes U+FFFD. */
function unquotePlus(text: string): string {
  return text
    .replaceAll("+", " ")
    .replace(/(?:%[0-9a-f]{2})+/gi, (run) =>
      Buffer.from(run.replaceAll("%", ""), "hex").toString(),
    );
}
