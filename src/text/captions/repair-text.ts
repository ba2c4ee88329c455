import { htmlEntities } from "./html-entities.ts";
import { unescapeHtml } from "./html-references.ts";
import { repairControls, repairMojibake } from "./mojibake.ts";
import { pythonRegExp } from "./python-regexp.ts";

const entity = /&#?[0-9A-Za-z]{1,24};/g;
const terminalEscape = pythonRegExp("\\x1b\\[(?:\\d|;)*[a-zA-Z]");
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to remove.
const control = /[\0-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/g;

/**
 * Repairs common damage to a text: wrong decodings, leftover entities, ligatures, full-width letters, curly quotes, line ends,
 * halves of surrogate pairs, control characters, decomposed letters. This is `fix_text` of ftfy 6.3.1 (rspeer/python-ftfy) with
 * its defaults, for text in lower case.
 */
export function repairText(text: string): string {
  let readsEntities = true;
  return text
    .split(/(?<=\n)/)
    .map((line) => {
      readsEntities &&= !line.includes("<"); // from here on it may be HTML, where entities are intended
      return repairLine(line, readsEntities);
    })
    .join("");
}

function repairLine(line: string, readsEntities: boolean): string {
  let repaired = line;
  for (let before: string | undefined; before !== repaired; ) {
    before = repaired;
    const read = readsEntities ? repaired.replace(entity, readEntity) : repaired;
    repaired = repairControls(repairMojibake(read))
      .replaceAll("ﬅ", "ſt")
      .replace(/[ĲĳŉǄ-ǌǱ-ǳﬀ-ﬆ\uff01-\uffef\u3000]/g, (letter) => letter.normalize("NFKC"))
      .replace(/[\u201c-\u201f]/g, '"')
      .replace(/[\u02bc\u2018-\u201b]/g, "'")
      .replace(/\r\n|[\r\u2028\u2029\x85]/g, "\n")
      .replace(/\p{Surrogate}/gu, "\ufffd")
      .replace(terminalEscape, "")
      .replace(control, "")
      .normalize("NFC");
  }
  return repaired;
}

/** Only a reference that ends with a semicolon and is matched completely. */
function readEntity(whole: string): string {
  if (!whole.startsWith("&#")) return htmlEntities.get(whole.slice(1, -1)) ?? whole;
  const read = unescapeHtml(whole);
  return read.includes(";") ? whole : read;
}
