import { distance } from "fastest-levenshtein";

/** The candidate that `name` most likely misspells, ignoring case, hyphens and underscores. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const wanted = plain(name);
  const near = candidates
    .map((candidate) => ({ candidate, edits: distance(wanted, plain(candidate)) }))
    .filter(({ edits }) => edits <= Math.max(1, wanted.length / 2))
    .sort((a, b) => a.edits - b.edits);
  return near[0]?.candidate;
}

const plain = (name: string): string => name.replace(/[_-]/g, "").toLowerCase();
