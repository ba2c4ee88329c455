import { createHash } from "node:crypto";

/** The share of (thing, style) pairs that is held out. */
export const HELD_OUT_SHARE = 0.08;
/** A thing is held out in one style only if at least this many styles draw it. */
const MIN_STYLES = 3;

/**
 * The style in which a thing is held out, if any: a function of the names alone. At most one style per thing, so that every thing
 * and every style is seen in training and only the pair is new.
 */
export function heldOutStyle<Style extends string>(
  thing: string,
  styles: readonly Style[],
): Style | undefined {
  if (styles.length < MIN_STYLES) return undefined;
  const draws = styles.map((style) => ({ style, draw: uniform(`${thing}\0${style}`) }));
  const lowest = draws.reduce((a, b) => (b.draw < a.draw ? b : a));
  // The lowest of n draws is below this with probability n * HELD_OUT_SHARE.
  const bound = 1 - (1 - styles.length * HELD_OUT_SHARE) ** (1 / styles.length);
  return lowest.draw < bound ? lowest.style : undefined;
}

/** A number in [0, 1) derived from a text. */
function uniform(text: string): number {
  return createHash("sha256").update(text).digest().readUIntBE(0, 6) / 2 ** 48;
}
