/** The steps, counted from 1, after which `count` previews are shown: the first, and others at even intervals. */
export function previewSteps(count: number, steps: number): number[] {
  const shown = Math.min(count, steps - 1);
  return Array.from({ length: shown }, (_, i) => 1 + Math.floor((i * (steps - 1)) / shown));
}
