/** Common shapes, as width by height. */
const SHAPES = [
  ["square", 1, 1],
  ["landscape 4:3", 4, 3],
  ["portrait 3:4", 3, 4],
  ["wide 16:9", 16, 9],
  ["tall 9:16", 9, 16],
] as const;
/** Pictures of small models are enlarged for viewing. */
const LEAST_SIDE = 512;
const MULTIPLE = 8;

/** Sizes to offer for a model, all with its own area, or at least that of 512 pixels squared. */
export function sizesOf(resolution: number | null): { size: string; text: string }[] {
  const side = Math.max(resolution ?? LEAST_SIDE, LEAST_SIDE);
  const even = (length: number): number => Math.round(length / MULTIPLE) * MULTIPLE;
  return SHAPES.map(([name, across, down]) => {
    const width = even(side * Math.sqrt(across / down));
    const height = even(side * Math.sqrt(down / across));
    return { size: `${width}x${height}`, text: `${name}, ${width} × ${height}` };
  });
}
