/** Share of values at either end that may be outside if outliers are clipped. */
const OUTSIDE = 0.01;
const MARGIN = 0.06;

export type Range = readonly [low: number, high: number];

/** The range of an axis for these values: all of them, or all but the outermost hundredth. Undefined without a number. */
export function valueRange(
  values: Iterable<number | null | undefined>,
  { isClipped, isLog }: { readonly isClipped: boolean; readonly isLog: boolean },
): Range | undefined {
  const usable: number[] = [];
  for (const value of values)
    if (typeof value === "number" && Number.isFinite(value) && (!isLog || value > 0))
      usable.push(value);
  usable.sort((a, b) => a - b);
  const cut = isClipped ? Math.floor(usable.length * OUTSIDE) : 0;
  const low = usable[cut];
  const high = usable[usable.length - 1 - cut];
  if (low === undefined || high === undefined) return undefined;
  return isLog ? wideLog(low, high) : wide(low, high);
}

function wide(low: number, high: number): Range {
  const margin = (high - low || Math.abs(high) || 1) * MARGIN;
  return [low - margin, high + margin];
}

function wideLog(low: number, high: number): Range {
  const factor = (high / low || 1) ** MARGIN * 1.01;
  return [low / factor, high * factor];
}
