/** Names that captions hold; any other is left as it stands. */
const named: ReadonlyMap<string, string> = new Map(
  Object.entries({
    amp: "&",
    lt: "<",
    gt: ">",
    quot: '"',
    apos: "'",
    nbsp: "\u00a0",
    copy: "©",
    reg: "®",
    trade: "™",
    deg: "°",
    middot: "·",
    hellip: "…",
    ndash: "–",
    mdash: "—",
    lsquo: "‘",
    rsquo: "’",
    ldquo: "“",
    rdquo: "”",
    laquo: "«",
    raquo: "»",
    bull: "•",
    times: "×",
    euro: "€",
    pound: "£",
    cent: "¢",
    yen: "¥",
    sect: "§",
    frac12: "½",
    eacute: "é",
    egrave: "è",
    agrave: "à",
    aacute: "á",
    acirc: "â",
    auml: "ä",
    ouml: "ö",
    uuml: "ü",
    szlig: "ß",
    ccedil: "ç",
    ntilde: "ñ",
    oacute: "ó",
    iacute: "í",
    uacute: "ú",
  }),
);

/** Those that HTML also knows without their semicolon. */
const BARE = /^(?:amp|lt|gt|quot|nbsp|copy|reg|deg|middot|laquo|raquo|times|pound|cent|yen|sect)/;

/** Character references as their characters: `&lt;3` → `<3`. Names beyond the common ones stay. */
export function unescapeHtml(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7});?|#x([0-9a-f]{1,6});?|([a-z][a-z0-9]*)(;?))/giu,
    (whole, decimal?: string, hexadecimal?: string, name?: string, end?: string) => {
      if (decimal !== undefined) return codePoint(Number.parseInt(decimal, 10));
      if (hexadecimal !== undefined) return codePoint(Number.parseInt(hexadecimal, 16));
      const found = end === ";" ? named.get(name ?? "") : undefined;
      if (found !== undefined) return found;
      const bare = BARE.exec(name ?? "")?.[0];
      return bare === undefined
        ? whole
        : `${named.get(bare)}${(name ?? "").slice(bare.length)}${end ?? ""}`;
    },
  );
}

const codePoint = (code: number): string =>
  code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)
    ? "\ufffd"
    : String.fromCodePoint(code);

/** The text of a piece of HTML: no tags, comments, scripts or style sheets. */
export function htmlText(html: string): string {
  const stripped = html
    .replace(/<!--[\s\S]*?-->/g, "")
    .replace(/<(script|style)\b[^>]*>[\s\S]*?<\/\1\s*>/gi, "")
    .replace(/<[!?][^>]*>/g, "")
    .replace(/<\/?[a-z][^>]*>/gi, "");
  return unescapeHtml(stripped);
}
