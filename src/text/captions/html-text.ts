import { htmlEntities } from "./html-entities.ts";
import { referenceNumber } from "./html-references.ts";
import { HtmlTextCollector } from "./html-text-collector.ts";
import { pythonRegExp, pythonStrip } from "./python-regexp.ts";
import { windows1252 } from "./single-byte-encodings.ts";

const sticky = (pattern: string): RegExp => pythonRegExp(pattern, { sticky: true });
const tagName = "[a-zA-Z][^\\t\\n\\r\\f />\\x00]*";
const attribute = "(?<=['\"\\s/])[^\\s/>][^\\s/=>]*";
const value = "'[^']*'|\"[^\"]*\"|(?!['\"])[^>\\s]*";

const startTag = sticky(
  `<${tagName}(?:[\\s/]*(?:${attribute}(?:\\s*=+\\s*(?:${value})\\s*)?(?:\\s|/(?!>))*)*)?\\s*`,
);
const nameAndSpace = sticky(`(${tagName})(?:\\s|/(?!>))*`);
const attributeAndSpace = sticky(`${attribute}(?:\\s*=+\\s*(?:${value}))?(?:\\s|/(?!>))*`);
const endTag = sticky("</\\s*([a-zA-Z][-.a-zA-Z0-9:_]*)\\s*>");
const commentEnd = pythonRegExp("--\\s*>");
const sectionName = sticky("([a-zA-Z][-_.a-zA-Z0-9]*)\\s*");
const sectionEnd = pythonRegExp("\\]\\s*\\]\\s*>");
const officeSectionEnd = pythonRegExp("\\]\\s*>");
const numberReference = /&#([0-9]+|[xX][0-9a-fA-F]+)[^0-9a-fA-F]/uy;
const nameReference = /&([a-zA-Z][-.a-zA-Z0-9]*)[^a-zA-Z0-9]/uy;

/** End of a piece of markup; "open" if its end is missing. */
type End = number | "open";

/**
 * The text of a piece of HTML, as `BeautifulSoup(html, "html.parser").text` returns it: without tags, comments, scripts and style
 * sheets, with character references replaced. It follows html.parser of Python 3.11 step by step, bugs included: a reference at
 * the very end stays, and after a broken one tags may stay too. Markup that makes BeautifulSoup give up (`<![` with an unknown
 * word) is text here.
 */
export function htmlText(html: string): string {
  const collector = new HtmlTextCollector();
  // Python feeds the parser the whole text, and then signals the end.
  const rest = new HtmlParser(html, collector, false).run();
  new HtmlParser(rest, collector, true).run();
  return collector.text();
}

class HtmlParser {
  readonly #html: string;
  readonly #out: HtmlTextCollector;
  readonly #isComplete: boolean;
  #at = 0;

  constructor(html: string, out: HtmlTextCollector, isComplete: boolean) {
    this.#html = html;
    this.#out = out;
    this.#isComplete = isComplete;
  }

  /** Reads as far as it can and returns the rest. */
  run(): string {
    while (this.#at < this.#html.length) {
      const next = this.#nextMarkup();
      if (next === undefined) break;
      this.#text(next);
      if (next === this.#html.length) break;
      const goesOn = this.#html[next] === "<" ? this.#tag() : this.#reference();
      if (!goesOn) break;
    }
    if (this.#isComplete && this.#out.rawTag === undefined) this.#text(this.#html.length);
    return this.#html.slice(this.#at);
  }

  #text(end: number): void {
    if (end > this.#at) this.#out.add(this.#html.slice(this.#at, end));
    this.#at = end;
  }

  /** The next `<` or `&`, or the end; within a script the tag that ends it, undefined if that is missing. */
  #nextMarkup(): number | undefined {
    const { rawTag } = this.#out;
    if (rawTag !== undefined) {
      return this.#search(pythonRegExp(`</\\s*${rawTag}\\s*>`), this.#at)?.index;
    }
    return this.#search(/[&<]/g, this.#at)?.index ?? this.#html.length;
  }

  #tag(): boolean {
    const at = this.#at;
    const starts = (text: string): boolean => this.#html.startsWith(text, at);
    let end: End;
    if (/[a-zA-Z]/.test(this.#html[at + 1] ?? "")) end = this.#startTag();
    else if (starts("</")) end = this.#endTag();
    else if (starts("<!--")) end = this.#hidden(this.#search(commentEnd, at + 4));
    else if (starts("<?")) end = this.#hidden(this.#search(/>/g, at + 2));
    else if (starts("<![")) end = this.#section();
    else if (starts("<!")) end = this.#hidden(this.#search(/>/g, at + 2));
    else if (at + 1 < this.#html.length) {
      this.#text(at + 1);
      return true;
    } else return false;
    if (end !== "open") {
      this.#at = end;
      return true;
    }
    if (!this.#isComplete) return false;
    const close = this.#html.indexOf(">", at + 1);
    const another = this.#html.indexOf("<", at + 1);
    this.#text(close >= 0 ? close + 1 : another >= 0 ? another : at + 1);
    return true;
  }

  #startTag(): End {
    const at = this.#at;
    const end = this.#startTagEnd();
    if (end === "open") return end;
    const named = this.#match(nameAndSpace, at + 1);
    let read = at + 1 + (named?.[0].length ?? 0);
    for (let found = true; found && read < end; ) {
      const length = this.#match(attributeAndSpace, read)?.[0].length;
      found = length !== undefined;
      read += length ?? 0;
    }
    const rest = pythonStrip(this.#html.slice(read, end));
    if (rest === ">" || rest === "/>") {
      this.#out.open((named?.[1] ?? "").toLowerCase(), rest === "/>");
    } else {
      this.#out.add(this.#html.slice(at, end));
    }
    return end;
  }

  #startTagEnd(): End {
    const end = this.#at + (this.#match(startTag, this.#at)?.[0].length ?? 0);
    const next = this.#html[end] ?? "";
    if (next === ">") return end + 1;
    if (next === "/") return this.#html[end + 1] === ">" ? end + 2 : "open";
    return /^[a-zA-Z=]?$/.test(next) ? "open" : end;
  }

  #endTag(): End {
    const at = this.#at;
    const close = this.#html.indexOf(">", at + 1) + 1;
    if (close === 0) return "open";
    const whole = this.#match(endTag, at);
    if (whole !== undefined) {
      this.#out.close((whole[1] ?? "").toLowerCase());
      this.#out.rawTag = undefined;
      return close;
    }
    const named = this.#match(nameAndSpace, at + 2);
    if (named !== undefined) {
      this.#out.close((named[1] ?? "").toLowerCase());
      return this.#html.indexOf(">", at + 2 + named[0].length) + 1;
    }
    if (close === at + 3) return close;
    return this.#hidden(this.#search(/>/g, at + 2));
  }

  /** `<![CDATA[` and what Word writes. */
  #section(): End {
    const start = this.#at + 3;
    const name = this.#match(sectionName, start);
    const ends = start + (name?.[0].length ?? 0);
    if (ends === this.#html.length) return "open";
    const word = (name?.[1] ?? "").toLowerCase();
    const isOffice = /^(?:if|else|endif)$/.test(word);
    if (!isOffice && !/^(?:temp|cdata|ignore|include|rcdata)$/.test(word)) {
      this.#out.add("<![");
      return start;
    }
    const end = this.#search(isOffice ? officeSectionEnd : sectionEnd, start);
    if (end === undefined || !this.#html.startsWith("cdata[", start)) return this.#hidden(end);
    this.#out.addSection(this.#html.slice(start + "cdata[".length, end.index));
    return end.index + end[0].length;
  }

  /** A comment, declaration or instruction with the given end. */
  #hidden(end: RegExpExecArray | undefined): End {
    if (end === undefined) return "open";
    this.#out.addHidden();
    return end.index + end[0].length;
  }

  #reference(): boolean {
    const at = this.#at;
    const isNumber = this.#html.startsWith("&#", at);
    const found = this.#match(isNumber ? numberReference : nameReference, at);
    if (found !== undefined) {
      const body = found[1] ?? "";
      this.#out.add(isNumber ? numbered(body) : (htmlEntities.get(body) ?? `&${body}`));
      this.#at = at + found[0].length - (found[0].endsWith(";") ? 0 : lastCharacter(found[0]));
      return true;
    }
    if (isNumber) {
      if (this.#html.includes(";", at)) this.#text(at + 2);
      return false;
    }
    if (/^[a-zA-Z#]/.test(this.#html.slice(at + 1, at + 2))) {
      if (this.#isComplete && at + 2 === this.#html.length) this.#at++; // the & is lost
      return false;
    }
    if (at + 1 === this.#html.length) return false;
    this.#text(at + 1);
    return true;
  }

  #search(pattern: RegExp, from: number): RegExpExecArray | undefined {
    pattern.lastIndex = from;
    return pattern.exec(this.#html) ?? undefined;
  }

  #match(pattern: RegExp, at: number): RegExpExecArray | undefined {
    return this.#search(pattern, at);
  }
}

/** The numbers from 128 to 159 are read as Windows-1252; null, halves of surrogate pairs and what is beyond Unicode are U+FFFD. */
function numbered(body: string): string {
  const code = referenceNumber(body);
  if (code >= 0x80 && code <= 0x9f) return windows1252.decode(String.fromCharCode(code));
  const isSurrogate = code >= 0xd800 && code <= 0xdfff;
  return code === 0 || isSurrogate || code > 0x10ffff ? "\ufffd" : String.fromCodePoint(code);
}

/** UTF-16 units of the last character. */
function lastCharacter(text: string): number {
  return /[\ud800-\udbff][\udc00-\udfff]$/.test(text) ? 2 : 1;
}
