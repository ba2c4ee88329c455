import type uPlot from "uplot";

/** Smallest part of the whole that can be zoomed to. */
const LEAST = 1e-3;

interface Window {
  readonly min: number;
  readonly max: number;
}

/**
 * Two fingers zoom the x axis around the point between them; one finger pans a zoomed axis, and otherwise scrolls the page. uPlot
 * supports neither.
 */
export function touchZoom(): uPlot.Plugin {
  const fingers = new Map<number, number>();
  let before: { readonly window: Window; readonly places: readonly number[] } | undefined;

  const begin = (u: uPlot): void => {
    const { min, max } = u.scales.x ?? {};
    before =
      min == null || max == null
        ? undefined
        : { window: { min, max }, places: [...fingers.values()] };
  };
  const move = (u: uPlot): void => {
    if (before === undefined) return;
    const whole = extentOf(u);
    const next = moved(before.window, before.places, [...fingers.values()], u.over.clientWidth);
    if (next.max - next.min < (whole.max - whole.min) * LEAST) return;
    u.setScale("x", kept(next, whole));
  };
  return {
    hooks: {
      ready: (u) => {
        const { over } = u;
        over.addEventListener("pointerdown", (event) => {
          if (event.pointerType !== "touch") return;
          fingers.set(event.pointerId, event.offsetX);
          begin(u);
        });
        over.addEventListener("pointermove", (event) => {
          if (!fingers.has(event.pointerId)) return;
          fingers.set(event.pointerId, event.clientX - over.getBoundingClientRect().left);
          if (fingers.size === 2 || isZoomed(u)) move(u);
        });
        const end = (event: PointerEvent): void => {
          if (fingers.delete(event.pointerId)) begin(u);
        };
        over.addEventListener("pointerup", end);
        over.addEventListener("pointercancel", end);
      },
    },
  };
}

/** The window after fingers moved, with positions in pixels of `width`. */
export function moved(
  { min, max }: Window,
  from: readonly number[],
  to: readonly number[],
  width: number,
): Window {
  const middle = (places: readonly number[]): number =>
    places.reduce((sum, place) => sum + place, 0) / places.length / width;
  const apart = ([a = 0, b]: readonly number[]): number =>
    b === undefined ? 1 : Math.max(Math.abs(b - a), 8);
  const held = min + middle(from) * (max - min);
  const length = ((max - min) * apart(from)) / apart(to);
  const start = held - middle(to) * length;
  return { min: start, max: start + length };
}

/** The window shifted into the whole, keeping its length if possible. */
export function kept({ min, max }: Window, whole: Window): Window {
  const length = Math.min(max - min, whole.max - whole.min);
  const start = Math.min(Math.max(min, whole.min), whole.max - length);
  return { min: start, max: start + length };
}

/** The whole range of the data. */
export const extentOf = (u: uPlot): Window => {
  const [xs = []] = u.data;
  return { min: xs[0] ?? 0, max: xs[xs.length - 1] ?? 1 };
};

/** Whether less than all is shown. */
export const isZoomed = (u: uPlot): boolean => {
  const whole = extentOf(u);
  const { min, max } = u.scales.x ?? {};
  return min != null && max != null && (min > whole.min || max < whole.max);
};
