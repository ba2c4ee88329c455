/** In pixels of the picture. */
export type Point = readonly [x: number, y: number];

/** A stroke of the brush, in pixels of the picture. */
export interface Stroke {
  readonly width: number;
  readonly points: readonly Point[];
}

function trace(context: CanvasRenderingContext2D, { width, points }: Stroke): void {
  const [first] = points;
  if (first === undefined) return;
  context.lineWidth = width;
  context.lineCap = "round";
  context.lineJoin = "round";
  context.beginPath();
  context.moveTo(first[0], first[1]);
  // A dot is a line of length zero, which round caps make visible.
  for (const [x, y] of points) context.lineTo(x, y);
  context.stroke();
}

/** Draws the strokes over a picture. */
export function showStrokes(canvas: HTMLCanvasElement, strokes: readonly Stroke[]): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.strokeStyle = "#e5484d";
  for (const stroke of strokes) trace(context, stroke);
}

/** Shows the keyboard-controlled brush, as wide as it paints. */
export function showBrush(canvas: HTMLCanvasElement, [x, y]: Point, width: number): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  const hair = Math.max(canvas.width / 200, 1);
  for (const [color, radius] of [
    ["#fff", width / 2 + hair],
    ["#111", width / 2],
  ] as const) {
    context.strokeStyle = color;
    context.lineWidth = hair;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.stroke();
  }
}

/** The mask as a PNG: opaque where the picture stays, transparent where it was painted. Undefined without a stroke. */
export async function maskOf(
  width: number,
  height: number,
  strokes: readonly Stroke[],
): Promise<Blob | undefined> {
  if (strokes.length === 0) return undefined;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (context === null) return undefined;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.globalCompositeOperation = "destination-out";
  for (const stroke of strokes) trace(context, stroke);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  return blob ?? undefined;
}
