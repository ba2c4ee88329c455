import { bareHtmlEntities, htmlEntities } from "./html-entities.ts";
import { windows1252 } from "./single-byte-encodings.ts";

/** A reference by number, by code or by name. A name may be longer than the entity, whose beginning HTML reads. */
const reference = /&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)/gu;

/**
 * Replaces HTML's character references, as Python's `html.unescape`: with or without semicolon, numbers of Windows-1252 read as
 * in browsers. Names with capitals stay.
 */
export function unescapeHtml(text: string): string {
  return text.replace(reference, (whole, body: string) => {
    if (body.startsWith("#")) return unescapeNumber(referenceNumber(body.slice(1)));
    const name = body.endsWith(";") ? body.slice(0, -1) : body;
    const isComplete = name !== body || bareHtmlEntities.has(name);
    const characters = isComplete ? htmlEntities.get(name) : undefined;
    if (characters !== undefined) return characters;
    for (let end = body.length - 1; end > 1; end--) {
      const start = body.slice(0, end);
      if (bareHtmlEntities.has(start)) return `${htmlEntities.get(start)}${body.slice(end)}`;
    }
    return whole;
  });
}

/** The number of a reference without its `&#`: decimal, or hexadecimal after an x. */
export function referenceNumber(body: string): number {
  const digits = body.endsWith(";") ? body.slice(0, -1) : body;
  return /^x/i.test(digits) ? Number.parseInt(digits.slice(1), 16) : Number.parseInt(digits, 10);
}

/** html.spec.whatwg.org, "Numeric character reference end state", as in Python. */
function unescapeNumber(code: number): string {
  if (code >= 0x80 && code <= 0x9f) return windows1252.decode(String.fromCharCode(code));
  const isSurrogate = code >= 0xd800 && code <= 0xdfff;
  if (code === 0 || isSurrogate || code > 0x10ffff) return "\ufffd";
  const isControl = (code < 0x20 && !/[\t\n\f\r]/.test(String.fromCharCode(code))) || code === 0x7f;
  const isNoCharacter = (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) === 0xfffe;
  return isControl || isNoCharacter ? "" : String.fromCodePoint(code);
}
