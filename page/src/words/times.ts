const DAY_MS = 86_400_000;

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat("en-GB", {
  weekday: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

const startOfDay = (time: Date): number =>
  new Date(time.getFullYear(), time.getMonth(), time.getDate()).getTime();

/** A time relative to `now`: `17:32`, `yesterday 17:32`, `Tue, 17:32`, `3 May 2026`. */
export function momentText(iso: string, now: Date = new Date()): string {
  const time = new Date(iso);
  const days = Math.round((startOfDay(now) - startOfDay(time)) / DAY_MS);
  if (days === 0) return clock.format(time);
  if (days === 1) return `yesterday ${clock.format(time)}`;
  if (days === -1) return `tomorrow ${clock.format(time)}`;
  if (Math.abs(days) < 7) return weekday.format(time);
  return date.format(time);
}

/** How long ago: `just now`, `2 min ago`, `3 h ago`, otherwise the time. */
export function agoText(iso: string, now: Date = new Date()): string {
  const minutes = Math.floor((now.getTime() - new Date(iso).getTime()) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 12 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return momentText(iso, now);
}
