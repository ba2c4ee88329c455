import { htmlText, unescapeHtml } from "./html-text.ts";

// Python's \w, \d, \s and \b go by Unicode; JavaScript's don't.
const W = "[\\p{L}\\p{N}_]";
const D = "\\p{Nd}";
const SPACES =
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const S = `[${SPACES}]`;
const B = `(?:(?<=${W})(?!${W})|(?<!${W})(?=${W}))`;

/** A pattern in which `\w`, `\d`, `\s`, `\S` and `\b` mean what they mean in Python. */
const python = (pattern: string): RegExp =>
  new RegExp(
    pattern
      .replaceAll("\\b", B)
      .replaceAll("\\S", `[^${SPACES}]`)
      .replaceAll("[\\w", `[\\p{L}\\p{N}_`)
      .replaceAll("\\w", W)
      .replaceAll("\\d", D)
      .replaceAll("\\s", S),
    "gu",
  );

const site = "[a-zA-Z0-9.\\-]+[.](?:com|co|ru|net|org|edu|gov|it)[\\w\\/\\-]*\\b\\/?(?!@)";
const pictureFile = "(?:png|jpg|jpeg|bmp|webp|eps|pdf|apk|mp4)";

type Step = readonly [pattern: RegExp, replacement: string];

/** Before the markup is read. */
const addresses: readonly Step[] = [
  [/<person>/g, "person"],
  [python(`\\b(?:https?:(?:\\/{1,3}|[a-zA-Z0-9%])|${site})`), ""],
  [python(`\\b(?:www:(?:\\/{1,3}|[a-zA-Z0-9%])|${site})`), ""],
];

/** After the markup is gone. */
const marks: readonly Step[] = [
  [python("@\\w+\\b"), ""],
  [/[\u31c0-\u31ef\u31f0-\u31ff\u3200-\u33ff\u3400-\u9fff]+/gu, ""],
  [
    /[\u002D\u058A\u05BE\u1400\u1806\u2010-\u2015\u2E17\u2E1A\u2E3A\u2E3B\u2E40\u301C\u3030\u30A0\uFE31\uFE32\uFE58\uFE63\uFF0D]+/gu,
    "-",
  ],
  [/[`´«»“”¨]/gu, '"'],
  [/[‘’]/gu, "'"],
  [/&quot;?/gu, ""],
  [/&amp/gu, ""],
  [python("\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}"), " "],
  [python("\\d:\\d\\d\\s+$"), ""],
  [/\\n/gu, " "],
  [python("#\\d{1,3}\\b"), ""],
  [python("#\\d{5,}\\b"), ""],
  [python("\\b\\d{6,}\\b"), ""],
  [python(`\\S+\\.${pictureFile}`), ""],
  [/["']{2,}/gu, '"'],
  [/\.{2,}/gu, " "],
  [/[#®•©™&@·º½¾¿¡§~)(\][}{|\\/*]+/gu, " "],
  [python("\\s+\\.\\s+"), " "],
];

/** After spelling is put right. */
const shopTalk: readonly Step[] = [
  [python("\\b[a-zA-Z]{1,3}\\d{3,15}\\b"), ""],
  [python("\\b[a-zA-Z]+\\d+[a-zA-Z]+\\b"), ""],
  [python("\\b\\d+[a-zA-Z]+\\d+\\b"), ""],
  [python("(?:worldwide\\s+)?(?:free\\s+)?shipping"), ""],
  [python("(?:free\\s)?download(?:\\sfree)?"), ""],
  [python("\\bclick\\b\\s(?:for|on)\\s\\w+"), ""],
  [python(`\\b${pictureFile}(?:\\simage[s]?)?`), ""],
  [python("\\bpage\\s+\\d+\\b"), ""],
  [python(`\\b\\d*[a-zA-Z]+\\d+[a-zA-Z]+\\d+(?:[a-zA-Z]|\\d)*\\b`), " "],
  [python("\\b\\d+\\.?\\d*[xх×]\\d+\\.?\\d*\\b"), ""],
  [python("\\b\\s+:\\s+"), ": "],
  [python(`([^${D}][,.\\/])\\b`), "$1 "],
  [python("\\s+"), " "],
  [/^["']([\s\S]+)["']$/gu, "$1"],
  [/^['_,\-:;]/gu, ""],
  [/['_,\-:+]$/gu, ""],
  [python("^\\.\\S+$"), ""],
];

const apply = (text: string, steps: readonly Step[]): string =>
  steps.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), text);

const trim = (text: string): string => text.replace(new RegExp(`^${S}+|${S}+$`, "gu"), "");

/** Percent-decoding with + as a space; what is no UTF-8 becomes U+FFFD. */
const unquotePlus = (text: string): string =>
  text
    .replaceAll("+", " ")
    .replace(/(?:%[0-9a-f]{2})+/giu, (run) =>
      Buffer.from(run.replaceAll("%", ""), "hex").toString("utf8"),
    );

/** What is left of ftfy's repairs once marks are gone: quotes, ligatures, widths, line ends, control characters. */
const repairSpelling = (text: string): string =>
  text
    .replace(/[\u2018-\u201b]/gu, "'")
    .replace(/[\u201c-\u201f]/gu, '"')
    .replace(/[ĲĳŉǱǲǳǄǅǆǇǈǉǊǋǌﬀ-ﬆ\uff01-\uffef\u3000]/gu, (c) => c.normalize("NFKC"))
    .replace(/\r\n|\r|\u2028|\u2029|\u0085/gu, "\n")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
    .replace(/[\0-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/gu, "")
    .normalize("NFC");

/**
 * A caption without addresses, markup, handles, sizes, file names and shop talk, lower-cased: what PixArt was trained on.
 * Pipelines apply it twice (diffusers, pipelines/pixart_alpha/pipeline_pixart_alpha.py `_clean_caption`).
 */
export function cleanCaption(caption: string): string {
  const plain = apply(trim(unquotePlus(caption)).toLowerCase(), addresses);
  const marked = apply(htmlText(plain), marks);
  const joined = (marked.match(/[-_]/gu)?.length ?? 0) > 3 ? marked.replace(/[-_]/gu, " ") : marked;
  return trim(apply(unescapeHtml(unescapeHtml(repairSpelling(joined))), shopTalk));
}
