/** Indices of at most `most` of `count` things, evenly spread, the first and the last among them. */
export function spreadOut(count: number, most: number): number[] {
  if (count <= most) return Array.from({ length: count }, (_, index) => index);
  const last = count - 1;
  return Array.from({ length: most }, (_, index) => Math.round((index * last) / (most - 1)));
}
