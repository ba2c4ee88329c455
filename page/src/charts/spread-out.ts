/** Indices of at most `most` of `count` items, evenly spaced, including the first and the last. */
export function spreadOut(count: number, most: number): number[] {
  if (count <= most) return Array.from({ length: count }, (_, index) => index);
  const last = count - 1;
  return Array.from({ length: most }, (_, index) => Math.round((index * last) / (most - 1)));
}
