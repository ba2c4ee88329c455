import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DEMO_THINGS } from "../../src/data/emoji/demo-things.ts";
import { randomOrder } from "../../src/evaluation/distances/random-order.ts";
import * as torch from "../../src/torch/index.ts";
import type { Labels } from "./design.ts";

/** A picture of a thing in a style, as a line of `metadata.jsonl` has it. */
export interface Pair {
  readonly file_name: string;
  readonly text: string;
  readonly dense_text: string;
  readonly thing: string;
  readonly style: string;
  readonly group: string;
  /** A number. */
  readonly class: number;
  /** `heldout` is measured and reported, `validation` is what settings are chosen on. */
  readonly split: "train" | "heldout" | "validation";
}

/** Things of which a pair is kept from training; of small sets at most this share. */
const HELD_OUT = { things: 100, share: 0.3 } as const;
const VALIDATION = { things: 60, share: 0.7 } as const;

/** What `pixart dataset emoji` listed. */
export const readPairs = (folder: string): Pair[] =>
  readFileSync(join(folder, "metadata.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

const shuffled = <T>(values: readonly T[], purpose: string): T[] =>
  randomOrder(values.length, torch.stream(0, `lab/${purpose}`, 0)).flatMap((i) => values[i] ?? []);

function byThing(pairs: readonly Pair[]): Map<string, Pair[]> {
  const found = new Map<string, Pair[]>();
  for (const pair of pairs) found.set(pair.thing, [...(found.get(pair.thing) ?? []), pair]);
  return found;
}

/**
 * Things that are drawn in every style, so many of them or the demo's, always the same. Of some of them one pair is held out: one
 * that the data set itself holds out, so that no shipped autoencoder has seen it. Of others one is kept to choose settings on, of
 * those that the data set holds out where there are more.
 */
export function choosePairs(all: readonly Pair[], things: number | "demo"): Pair[] {
  const styles = [...new Set(all.map(({ style }) => style))].sort();
  const drawn = byThing(all);
  const usable = [...drawn.keys()]
    .filter((thing) => drawn.get(thing)?.length === styles.length)
    .filter((thing) => things !== "demo" || DEMO_THINGS.includes(thing))
    .sort();
  const isMarked = (thing: string): boolean =>
    drawn.get(thing)?.some(({ split }) => split !== "train") ?? false;
  const wanted = things === "demo" ? usable.length : things;
  const count = ({ things: most, share }: typeof HELD_OUT | typeof VALIDATION): number =>
    Math.min(most, Math.floor(share * wanted));
  const marked = shuffled(usable.filter(isMarked), "marked");
  const unmarked = shuffled(
    usable.filter((thing) => !isMarked(thing)),
    "unmarked",
  );
  const heldout = new Set(marked.slice(0, count(HELD_OUT)));
  const others = [...marked.slice(heldout.size), ...unmarked];
  const validation = new Set(others.slice(0, count(VALIDATION)));
  const rest = unmarked.filter((thing) => !validation.has(thing));
  const chosen = [...heldout, ...validation, ...rest].slice(0, wanted);
  if (chosen.length < wanted)
    throw new Error(`Expected ${wanted} things in every style but found ${chosen.length}`);
  return chosen.sort().flatMap((thing) => {
    const own = drawn.get(thing) ?? [];
    const style = styles[randomOrder(styles.length, torch.stream(0, `lab/${thing}`, 0))[0] ?? 0];
    const kept = own.find(({ split }) => split !== "train") ?? own.find((p) => p.style === style);
    const split = heldout.has(thing) ? "heldout" : validation.has(thing) ? "validation" : "train";
    return own.map((pair) => ({ ...pair, split: pair === kept ? split : "train" }) as const);
  });
}

/** The same pairs with other classes, or with captions of other pictures where they are trained on. */
export function relabelled(pairs: readonly Pair[], labels: Labels): Pair[] {
  if (labels === "groups") {
    const groups = [...new Set(pairs.map(({ group }) => group))].sort();
    return pairs.map((pair) => ({ ...pair, class: groups.indexOf(pair.group) }));
  }
  if (labels === "own") return [...pairs];
  const others = shuffled(
    pairs.filter(({ split }) => split === "train"),
    "captions",
  );
  let next = 0;
  return pairs.map((pair) => {
    if (pair.split !== "train") return pair;
    const { text, dense_text } = others[next++] ?? pair;
    return { ...pair, text, dense_text };
  });
}
