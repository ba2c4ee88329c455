const LONGEST = 63;

/**
 * A name that the server accepts for a run or a published model, of the last part of a path: letters of ASCII, digits, dots,
 * hyphens and underscores, the first of them a letter or digit.
 * @param fallback if no letter or digit is left
 */
export function folderName(path: string, fallback: string): string {
  const last = path.split("/").findLast((part) => part !== "") ?? "";
  // Without accents, which NFKD makes characters of their own.
  const plain = last.normalize("NFKD").replace(/\p{M}/gu, "");
  const name = plain.replace(/[^a-z0-9._-]+/gi, "-").replace(/^[^a-z0-9]+|[^a-z0-9]+$/gi, "");
  return name.slice(0, LONGEST) || fallback;
}
