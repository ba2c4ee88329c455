import type { Point, Stroke } from "./mask-painting.ts";

/** The keyboard-controlled brush, in pixels of the picture. */
export interface KeyboardBrush {
  readonly place: Point;
  /** Whether it paints as it moves. */
  readonly isDown: boolean;
  readonly strokes: readonly Stroke[];
}

const WAYS: Readonly<Record<string, Point>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/**
 * Applies a key to the brush: arrows move it by half its width, within the picture; the space bar lowers or lifts it. Undefined
 * for other keys, which keep their usual effect.
 */
export function brushAfter(
  key: string,
  { place: [x, y], isDown, strokes }: KeyboardBrush,
  brushWidth: number,
  [width, height]: Point,
): KeyboardBrush | undefined {
  if (key === " ") {
    const dot: Stroke = { width: brushWidth, points: [[x, y]] };
    return { place: [x, y], isDown: !isDown, strokes: isDown ? strokes : [...strokes, dot] };
  }
  const way = WAYS[key];
  if (way === undefined) return undefined;
  const place: Point = [
    Math.min(Math.max(x + (way[0] * brushWidth) / 2, 0), width),
    Math.min(Math.max(y + (way[1] * brushWidth) / 2, 0), height),
  ];
  const last = strokes.at(-1);
  if (!isDown || last === undefined) return { place, isDown: false, strokes };
  const longer = { ...last, points: [...last.points, place] };
  return { place, isDown, strokes: [...strokes.slice(0, -1), longer] };
}
