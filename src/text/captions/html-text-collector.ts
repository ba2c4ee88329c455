/** Elements without content and end tags. */
const emptyElements: ReadonlySet<string> = new Set(
  "area base basefont bgsound br col command embed frame hr image img input isindex keygen link menuitem meta nextid param source spacer track wbr".split(
    " ",
  ),
);
const keepsSpace: ReadonlySet<string> = new Set(["pre", "textarea"]);
const hidesText: ReadonlySet<string> = new Set(["rt", "rp", "style", "script", "template"]);
const rawText: ReadonlySet<string> = new Set(["script", "style"]);

/** Collects the visible text of an HTML document, as BeautifulSoup's tree and its `.text` do. */
export class HtmlTextCollector {
  /** The open element whose content is not parsed as markup. */
  rawTag: string | undefined;
  readonly #open: string[] = [];
  readonly #closedEmpty: string[] = [];
  #text = "";
  #data: string[] = [];

  add(text: string): void {
    this.#data.push(text);
  }

  /** A CDATA section, which is visible wherever it is. */
  addSection(text: string): void {
    this.#endData();
    this.#data.push(text);
    this.#text += this.#takeData();
  }

  /** A comment, declaration or instruction, which is invisible but separates the text around it. */
  addHidden(): void {
    this.#endData();
  }

  open(tag: string, isClosed: boolean): void {
    this.#endData();
    this.#open.push(tag);
    if (isClosed) {
      this.#pop(tag); // it ends itself, not an earlier one
    } else if (emptyElements.has(tag)) {
      this.#pop(tag);
      this.#closedEmpty.push(tag);
    } else if (rawText.has(tag)) {
      this.rawTag = tag;
    }
  }

  close(tag: string): void {
    const closed = this.#closedEmpty.indexOf(tag);
    if (closed >= 0) this.#closedEmpty.splice(closed, 1);
    else {
      this.#endData();
      this.#pop(tag);
    }
  }

  text(): string {
    this.#endData();
    return this.#text;
  }

  #pop(tag: string): void {
    const last = this.#open.lastIndexOf(tag);
    if (last >= 0) this.#open.length = last;
  }

  #endData(): void {
    if (this.#data.length === 0) return;
    const data = this.#takeData();
    if (!this.#open.some((tag) => hidesText.has(tag))) this.#text += data;
  }

  /** Returns the collected text. Only white space, or none at all, counts as one space or line feed. */
  #takeData(): string {
    const data = this.#data.join("");
    this.#data = [];
    if (this.#open.some((tag) => keepsSpace.has(tag)) || !/^[ \n\t\f\r]*$/.test(data)) return data;
    return data.includes("\n") ? "\n" : " ";
  }
}
