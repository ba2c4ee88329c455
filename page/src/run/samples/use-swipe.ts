import { useRef } from "preact/hooks";

/** Horizontal pixels that a finger must move, and how much more horizontally than vertically. */
const LEAST = 48;
const SLOPE = 1.6;

interface SwipeHandlers {
  readonly onTouchStart: (event: TouchEvent) => void;
  readonly onTouchEnd: (event: TouchEvent) => void;
}

/** Handles one-finger swipes: right for the previous, left for the next. */
export function useSwipe(onSwipe: (by: 1 | -1) => void): SwipeHandlers {
  const start = useRef<Touch | undefined>(undefined);
  return {
    onTouchStart: ({ touches }) => {
      start.current = touches.length === 1 ? touches[0] : undefined;
    },
    onTouchEnd: ({ changedTouches }) => {
      const [end] = changedTouches;
      const { current: begin } = start;
      if (end === undefined || begin === undefined) return;
      const across = end.clientX - begin.clientX;
      const down = Math.abs(end.clientY - begin.clientY);
      if (Math.abs(across) < LEAST || Math.abs(across) < down * SLOPE) return;
      onSwipe(across > 0 ? -1 : 1);
    },
  };
}
