import type { JSX } from "preact";

/** How far something is; without a total only that it goes on. */
export function ProgressBar({
  done,
  total,
  label,
}: {
  readonly done: number;
  readonly total: number | null;
  readonly label: string;
}): JSX.Element {
  return total === null ? (
    <progress aria-label={label} />
  ) : (
    <progress aria-label={label} value={Math.min(done, total)} max={Math.max(total, 1)} />
  );
}
