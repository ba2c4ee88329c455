const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const two = (larger: number, large: string, smaller: number, small: string): string =>
  smaller === 0 ? `${larger} ${large}` : `${larger} ${large} ${smaller} ${small}`;

/** Human-readable durations: `8 s`, `18 min`, `2 h 5 min`, `3 d 4 h`. */
export function durationText(seconds: number): string {
  if (seconds < 0.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 9.5) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  if (whole < MINUTE) return `${whole} s`;
  if (whole < 10 * MINUTE) return two(Math.floor(whole / MINUTE), "min", whole % MINUTE, "s");
  const minutes = Math.round(whole / MINUTE);
  if (minutes < 60) return `${minutes} min`;
  if (whole < DAY) return two(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.round(whole / HOUR);
  return two(Math.floor(hours / 24), "d", hours % 24, "h");
}

/** The approximate remaining time: `18 min left`. */
export const leftText = (seconds: number): string =>
  seconds < MINUTE ? "less than a minute left" : `${roughly(seconds)} left`;

const roughly = (seconds: number): string =>
  durationText(seconds < HOUR ? Math.round(seconds / MINUTE) * MINUTE : seconds);
