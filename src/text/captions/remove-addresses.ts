import { pythonRegExp } from "./python-regexp.ts";

const site = "[a-zA-Z0-9.\\-]+[.](?:com|co|ru|net|org|edu|gov|it)[\\w/-]*\\b/?(?!@)";
const patterns: readonly RegExp[] = ["https?", "www"].map((scheme) =>
  pythonRegExp(`(?:${scheme}:(?:/{1,3}|[a-zA-Z0-9%])|${site})`, { sticky: true }),
);
const edge = pythonRegExp("\\b(?=[a-zA-Z0-9.\\-])");
const siteCharacters = /[a-zA-Z0-9.-]*/y;
const longestScheme = "https".length;

/** Removes web addresses from a text: those with a scheme up to it, and names of sites with their paths. */
export function removeAddresses(text: string): string {
  return patterns.reduce(removeMatches, text);
}

/**
 * `text.replace(new RegExp("\\b" + pattern), "")` in linear time. If no address begins where one could, none begins at a later
 * character of the same run either, except for a scheme, which ends with its run.
 */
function removeMatches(text: string, pattern: RegExp): string {
  let kept = "";
  let from = 0;
  for (let at = 0; ; ) {
    edge.lastIndex = at;
    const start = edge.exec(text)?.index;
    if (start === undefined) return kept + text.slice(from);
    pattern.lastIndex = start;
    if (pattern.test(text)) {
      kept += text.slice(from, start);
      from = pattern.lastIndex;
      at = from;
    } else {
      siteCharacters.lastIndex = start;
      siteCharacters.test(text);
      at = Math.max(start + 1, siteCharacters.lastIndex - longestScheme);
    }
  }
}
