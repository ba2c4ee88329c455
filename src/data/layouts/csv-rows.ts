/**
 * Unquoted cells that pandas, and so Hugging Face's `datasets`, treats as missing, besides empty ones (pandas, _libs/parsers.pyx
 * STR_NA_VALUES).
 */
export const MISSING_CELLS: ReadonlySet<string> = new Set(
  "#N/A,#N/A N/A,#NA,-1.#IND,-1.#QNAN,-NaN,-nan,1.#IND,1.#QNAN,<NA>,N/A,NA,NULL,NaN,None,n/a,nan,null".split(
    ",",
  ),
);
/** A non-empty line of a table. */
export interface CsvRow {
  /** The line it starts on, counted from 1. */
  readonly line: number;
  readonly cells: readonly string[];
  /** Indices of the quoted cells. */
  readonly quoted: ReadonlySet<number>;
}

const NO_QUOTES: ReadonlySet<number> = new Set();

/**
 * Splits a table of separated values like Python's `csv` and pandas: quotes count if a cell starts with one, and are ordinary
 * characters anywhere else (`a 5" pipe`); lines end with LF, CRLF or CR; blank lines and lines of empty cells are dropped. Throws
 * SyntaxError if a quote is not closed.
 */
export function csvRows(text: string, delimiter: string): CsvRow[] {
  // Characters that end an unquoted cell.
  const special = new RegExp(`[${delimiter}\r\n]`, "g");
  const rows: CsvRow[] = [];
  let line = 1;
  let at = 0;
  const unquoted = (): string => {
    special.lastIndex = at;
    const end = special.exec(text)?.index ?? text.length;
    const cell = text.slice(at, end);
    at = end;
    return cell;
  };
  const quoted = (): string => {
    const opened = line;
    let cell = "";
    for (;;) {
      const end = text.indexOf('"', at + 1);
      if (end < 0) throw new SyntaxError(`the quote opened on line ${opened} is not closed`);
      const part = text.slice(at + 1, end);
      cell += part;
      line += part.match(/\r\n|\r|\n/g)?.length ?? 0;
      at = end + 1;
      // Doubled quotes are one; anything after a closed quote belongs to the cell.
      if (text[at] !== '"') return cell + unquoted();
      cell += '"';
    }
  };
  while (at < text.length) {
    const begins = line;
    const cells: string[] = [];
    let inQuotes: Set<number> | undefined;
    for (;;) {
      if (text[at] === '"') {
        inQuotes = (inQuotes ?? new Set()).add(cells.length);
        cells.push(quoted());
      } else cells.push(unquoted());
      if (text[at] !== delimiter) break;
      at += 1;
    }
    if (at < text.length) at += text.startsWith("\r\n", at) ? 2 : 1;
    line += 1;
    if (
      cells.some((cell, i) => (cells.length > 1 || inQuotes?.has(i) ? cell : cell.trim()) !== "")
    ) {
      rows.push({ line: begins, cells, quoted: inQuotes ?? NO_QUOTES });
    }
  }
  return rows;
}
