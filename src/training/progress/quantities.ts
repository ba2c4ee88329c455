const times = [
  ["s", 60],
  ["min", 60],
  ["h", 24],
  ["d", Number.POSITIVE_INFINITY],
] as const;

/** The two largest units of a time: `45 s`, `2 min 10 s`, `1 h 5 min`, `3 d 4 h`. */
export function formatDuration(seconds: number): string {
  let rest = Math.round(seconds);
  const parts: string[] = [];
  for (const [unit, size] of times) {
    parts.unshift(`${rest % size} ${unit}`);
    rest = Math.floor(rest / size);
    if (rest === 0) break;
  }
  return parts.slice(0, 2).join(" ");
}

/** Memory in decimal units: `812 MB`, `1.24 GB`. */
export function formatBytes(bytes: number): string {
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
