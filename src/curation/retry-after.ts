/** The wait requested by an answer, in ms: `Retry-After` as seconds or as a date, or OpenAI's `retry-after-ms`. */
export function retryAfterMs(headers: Headers, now: number = Date.now()): number | undefined {
  const exact = headers.get("retry-after-ms");
  if (exact !== null && /^\d+(\.\d+)?$/.test(exact)) return Number(exact);
  const value = headers.get("retry-after");
  if (value === null) return undefined;
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
