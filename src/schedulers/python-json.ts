/**
 * JSON as Python's `json` module reads and writes it: `Infinity`, `-Infinity` and `NaN` are allowed as bare
 * tokens. The released scheduler files hold `"lambda_min_clipped": -Infinity`, which `JSON.parse` refuses.
 */

const nonFinite = new Map<unknown, number>([
  ["\u0000Infinity", Number.POSITIVE_INFINITY],
  ["\u0000-Infinity", Number.NEGATIVE_INFINITY],
  ["\u0000NaN", Number.NaN],
]);

/** Parses JSON that may hold Python's non-finite numbers. Throws `SyntaxError` as `JSON.parse` does. */
export function parsePythonJson(text: string): unknown {
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (token) =>
    token.startsWith('"') ? token : `"\\u0000${token}"`,
  );
  return JSON.parse(marked, (_key, value: unknown) => nonFinite.get(value) ?? value);
}

/** Formats a flat record as `json.dumps(record, indent=2, sort_keys=True)` does, with a newline at the end. */
export function formatPythonJson(record: Readonly<Record<string, unknown>>): string {
  const sorted = Object.fromEntries(
    Object.entries(record).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
  );
  const marked = JSON.stringify(
    sorted,
    (_key, value: unknown) =>
      typeof value === "number" && !Number.isFinite(value) ? `\u0000${value}` : value,
    2,
  );
  return `${marked.replace(/"\\u0000(-?Infinity|NaN)"/g, "$1")}\n`;
}
