const FIRST_MS = 500;
const MOST_MS = 15_000;

/**
 * Milliseconds to wait before the n-th attempt after a failure, counted from 0: doubling, with up to a fifth more, so that tabs
 * don't retry all at once.
 */
export const backOff = (attempt: number, random: () => number = Math.random): number =>
  Math.min(FIRST_MS * 2 ** attempt, MOST_MS) * (1 + random() / 5);
