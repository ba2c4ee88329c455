import type { JSX } from "preact";

/** Outlines in a 24 × 24 square, drawn with a line. */
const PATHS = {
  runs: "M4 19V5M4 19h16M8 15l4-5 3 3 5-7",
  draw: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  data: "M4 5h7v7H4zM13 5h7v7h-7zM4 14h7v6H4zM13 14h7v6h-7z",
  system: "M5 5h14v14H5zM9 9h6v6H9zM9 2v3M15 2v3M9 19v3M15 19v3M2 9h3M2 15h3M19 9h3M19 15h3",
  sun: "M12 8a4 4 0 1 8 4 4 0 0-8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2",
  moon: "M20 14.5A8 8 0 019.5 4 8 8 0 1020 14.5z",
  device: "M3 5h18v11H3zM8 20h8M12 16v4",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "M5 13l4 4L19 7",
  close: "M6 6l12 12M18 6L6 18",
  star: "M12 3l2.7 5.8 6.3.8-4.6 4.4 1.2 6.2-5.6-3.1-5.6 3.1 1.2-6.2L3 9.6l6.3-.800z",
  flag: "M6 21V4h11l-2 4 2 4H6",
  back: "M9 7l-5 5 5 5M4 12h10a5 5 0 010 10h-2",
  play: "M8 5l11 7-11 7z",
  stop: "M6 6h12v12H6z",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  dice: "M5 5h14v14H5zM9 9h.01M15 15h.01M15 9h.01M9 15h.01M12 12h.01",
  lock: "M6 11h12v9H6zM8 11V8a4 4 0 018 0v3",
  unlock: "M6 11h12v9H6zM8 11V8a4 4 0 017.5-2",
  plus: "M12 5v14M5 12h14",
  folder: "M3 6h6l2 2h10v11H3z",
  brush: "M14 4l6 6-8 8a4 4 0 01-6 0c-1 2-3 2-4 2 2-2 1-4 2-6z",
  save: "M12 4v11M7 10l5 5 5-5M4 20h16",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01",
  again: "M20 12a8 8 0 11-2.5-5.8M20 3v5h-5",
  vary: "M4 17c3 0 5-10 8-10s5 10 8 10M4 12h3M17 12h3",
} as const;

export type IconName = keyof typeof PATHS;

/** A small icon next to a word, or in a button with a label. */
export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
