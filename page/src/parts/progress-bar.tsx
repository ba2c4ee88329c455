import type { JSX } from "preact";

/** Progress; without a total, only that something is running. */
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
