import { pythonRegExp } from "./python-regexp.ts";
import { mistakenEncodings, windows1252 } from "./single-byte-encodings.ts";

// UTF-8 that was decoded as a single-byte encoding is recognised by letters that hardly ever occur side by side. The groups of
// characters, the unlikely pairs and the order of repairs are those of ftfy 6.3.1 (badness.py, chardata.py).

const common = "\\xa0\\xad·´–—―…’";
const controls = "\\x80-\\x9f";
const bad = "¦¤¨¬¯¸ƒˆˇ˘˛˜†‡‰⌐◊\\ufffdªº";
const law = "¶§";
const currency = "¢£¥₧€";
const opening = "¡«¿©΄΅‘‚“„•‹\\uf8ff";
const closing = "®»˝”›™";
const numeric = "²³¹±¼½¾×µ÷⁄∂∆∏∑√∞∩∫≈≠≡≤≥№";
const faces = "Ò-ÖÙ-Üò-öø-üŐŌŪŲ°";
const upperAccented = "À-ÑØÜÝĂĀĄĆČĎĐĘĚĒĖĞĢİĪĶĹĽŁĻŃŇŅŒŘŚŞŠŢŤŮŰŸŹŻŽҐ";
const lowerAccented = "ßà-ñăąāćčďđęěēėğģįīķĺľłļœŕśşšťüźżžґﬁﬂ";
const upperCommon = "ÞΑ-ΩΆΈΉΊΌΎΏΪΫЁ-Я";
const lowerCommon = "α-ωάέήίΰа-џ";
const box = "│┌┐┘├┤┬┼═-╬▀▄█▌▐░▒▓";

const marks = `${opening}${closing}${currency}${numeric}${law}`;
const arabic = `[ØÙ][${common}${currency}${bad}${numeric}${opening}ŸŠ®°µ»]`;

const unlikely = pythonRegExp(
  [
    `[${controls}]`,
    `[${bad}${lowerAccented}${upperAccented}${box}${marks}][${bad}]`,
    `[a-zA-Z][${lowerCommon}${upperCommon}][${bad}]`,
    `[${bad}][${lowerAccented}${upperAccented}${box}${marks}]`,
    `[${lowerAccented}${lowerCommon}${box}${closing}${currency}${numeric}][${upperAccented}]`,
    `[${box}${closing}${currency}${numeric}][${lowerAccented}]`,
    `[${lowerAccented}${box}${closing}][${currency}]`,
    `\\s[${upperAccented}][${currency}]`,
    `[${upperAccented}${box}][${numeric}${law}]`,
    `[${lowerAccented}${upperAccented}${box}${currency}${closing}][${opening}][${numeric}]`,
    `[${lowerAccented}${upperAccented}${currency}${numeric}${box}${law}][${closing}][${opening}]`,
    `[${currency}${numeric}${box}][${opening}]`,
    `[a-z][${upperAccented}][${opening}${currency}]`,
    `[${box}][${faces}]`,
    `[${lowerAccented}${upperAccented}${currency}${numeric}${opening}${closing}${law}][${box}]`,
    `[${box}][${closing}]`,
    `[${lowerAccented}${upperAccented}][${opening}${closing}]\\w`,
    "[Œœ][^A-Za-z]",
    `[${upperAccented}]°`,
    `[ÂÃÎÐ][€œŠš¢£Ÿž\\xa0\\xad®©°·»${opening}${closing}–—´]`,
    "×[²³]",
    `${arabic}${arabic}`,
    "à[²µ¹¼½¾]",
    "√[±∂†≠®™´≤≥¥µø]",
    "≈[°¢]",
    "‚Ä[ìîïòôúùû†°¢π]",
    "‚[âó][àä°ê]",
    "вЂ",
    `[ВГРС][${controls}${bad}${opening}${closing}${currency}°µ][ВГРС]`,
    "ГўВЂВ[^\\n][A-Za-z ]",
    "Ã[\\xa0¡]",
    "[a-z]\\s?[ÃÂ] ",
    "^[ÃÂ] ",
    `[a-z.,?!${closing}]Â[ ${opening}${closing}]`,
    "β€[™\\xa0Ά\\xad®°]",
    `[ΒΓΞΟ][${controls}${bad}${opening}${closing}${currency}°][ΒΓΞΟ]`,
    "ā€",
  ].join("|"),
);

const firstOfTwo =
  "ĂÂÄĀÅÃÆĆČÇĎĐÉĚÊËĖÈĒĘÐĞĢÍÎÏİÌĪĶĹĻŁŃŇŅÑÓÔÖŐÒŌØÕŘŚŠŞŢÞÚÛÜŰÙŪŲŮÝŹŽŻß×ΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΪΫάέήίВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ";
const firstOfThree = "áăâäàāąåãæćčçďéěêëėèēęģíîïìīįķĺļŕźΰαβγδεζηθικλμνξοабвгдежзийклмноп";
const firstOfFour = "đðğóšπσру";
const certainlyLater =
  "\\x80-\\xbfĄÆĽŁØŖŚŠŞŤŸŹŽŻŒąæƒľłøŗśšşťźžżœˆˇ˘˛˜˝΄΅ΆΈΉΊΌΎΏЁЂЃЄЅІЇЈЉЊЋЌЎЏёђѓєѕіїјљњћќўџҐґ†‡‰‹›€№™";
const later = `${certainlyLater} –—―‘’‚“”„•…`;
const embedded = new RegExp(
  `(?<![${certainlyLater}])(?:[${firstOfTwo}][${later}]|[${firstOfThree}][${later}]{2}|[${firstOfFour}][${later}]{3})+`,
  "gu",
);

// Bytes are represented as strings of the characters U+0000 to U+00FF.
const lostNoBreakSpace = new RegExp(
  [
    "[\\xc2\\xc3\\xc5\\xce\\xd0\\xd9] ",
    "[\\xe2\\xe3] [\\x80-\\x84\\x86-\\x9f\\xa1-\\xbf]",
    "[\\xe0-\\xe3][\\x80-\\x84\\x86-\\x9f\\xa1-\\xbf] ",
    "\\xf0 [\\x80-\\xbf][\\x80-\\xbf]",
    "\\xf0[\\x80-\\xbf] [\\x80-\\xbf]",
    "\\xf0[\\x80-\\xbf][\\x80-\\xbf] ",
  ].join("|"),
  "g",
);
/** An "à" that is a separate word, not the beginning of one as in Portuguese. */
const lostAfterGrave = /\xc3 (?! |quele|quela|quilo|s )/g;
const lostBytes = new RegExp(
  [
    "[\\xc2-\\xdf]\\x1a",
    "[\\xc2-\\xc3][?]",
    "\\xed[\\xa0-\\xaf][\\x1a?]\\xed[\\xb0-\\xbf][\\x1a?\\x80-\\xbf]",
    "\\xed[\\xa0-\\xaf][\\x1a?\\x80-\\xbf]\\xed[\\xb0-\\xbf][\\x1a?]",
    "[\\xe0-\\xef][\\x1a?][\\x1a\\x80-\\xbf]",
    "[\\xe0-\\xef][\\x1a\\x80-\\xbf][\\x1a?]",
    "[\\xf0-\\xf4][\\x1a?][\\x1a\\x80-\\xbf][\\x1a\\x80-\\xbf]",
    "[\\xf0-\\xf4][\\x1a\\x80-\\xbf][\\x1a?][\\x1a\\x80-\\xbf]",
    "[\\xf0-\\xf4][\\x1a\\x80-\\xbf][\\x1a\\x80-\\xbf][\\x1a?]",
    "\\x1a",
  ].join("|"),
  "g",
);
const replacementCharacter = "\xef\xbf\xbd";
/** Java's zero byte, and the surrogate pairs of CESU-8. */
const variants = /(\xc0\x80|\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf])/;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reverses the decoding of UTF-8 as another encoding, as many times as it was done: ftfy's `fix_encoding`. */
export function repairMojibake(text: string): string {
  let repaired = text;
  for (let before = ""; before !== repaired; ) {
    before = repaired;
    repaired = repairOnce(repaired);
  }
  return repaired;
}

/** Replaces the control characters U+0080 to U+009F by what Windows-1252 has there. */
export function repairControls(text: string): string {
  return text.replace(/[\x80-\x9f]/g, (character) => windows1252.decode(character));
}

function repairOnce(text: string): string {
  if (!isBad(text)) return text;
  for (const encoding of mistakenEncodings) {
    const bytes = encoding.encode(text);
    if (bytes === undefined) continue;
    // An en dash before a space looks like a lost no-break space in this one.
    const restored = encoding.name === "macroman" ? bytes : restoreNoBreakSpaces(bytes);
    const whole = encoding.isLossy ? restored.replace(lostBytes, replacementCharacter) : restored;
    const decoded = decodeUtf8(whole);
    if (decoded !== undefined) return decoded;
  }
  const inPlaces = text.replace(embedded, (part) =>
    part.length < text.length && isBad(part) ? repairMojibake(part) : part,
  );
  if (inPlaces !== text) return inPlaces;
  return repairControls(text);
}

function isBad(text: string): boolean {
  unlikely.lastIndex = 0;
  return unlikely.test(text);
}

function restoreNoBreakSpaces(bytes: string): string {
  lostNoBreakSpace.lastIndex = 0;
  if (!lostNoBreakSpace.test(bytes)) return bytes;
  return bytes
    .replace(lostAfterGrave, "\xc3\xa0 ")
    .replace(lostNoBreakSpace, (sequence) => sequence.replaceAll(" ", "\xa0"));
}

/** Undefined if the bytes are not UTF-8, including CESU-8 and Java's variant. */
function decodeUtf8(bytes: string): string | undefined {
  try {
    return bytes
      .split(variants)
      .map((part, index) => {
        const buffer = Buffer.from(part, "latin1");
        if (index % 2 === 0) return utf8.decode(buffer);
        return buffer[0] === 0xc0 ? "\0" : surrogatePair(buffer);
      })
      .join("");
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function surrogatePair(bytes: Uint8Array): string {
  const half = (at: number): number =>
    0xd000 | (((bytes[at + 1] ?? 0) & 0x3f) << 6) | ((bytes[at + 2] ?? 0) & 0x3f);
  return String.fromCharCode(half(0), half(3));
}
