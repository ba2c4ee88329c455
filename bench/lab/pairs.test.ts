import { describe, expect, it } from "vitest";
import { choosePairs, type Pair, relabelled } from "./pairs.ts";

const STYLES = ["noto", "openmoji", "twemoji"];

/** Things in three styles, of which every third has a held-out pair; the last is not drawn in one of them. */
const all: Pair[] = Array.from({ length: 40 }, (_, i) => i).flatMap((i) =>
  STYLES.slice(0, i === 39 ? 2 : 3).map(
    (style): Pair => ({
      file_name: `images/${style}/${i}.png`,
      text: `thing ${i}, ${style}`,
      dense_text: `thing ${i}, ${style}, in detail`,
      thing: `thing ${i}`,
      style,
      group: `group ${i % 4}`,
      class: i,
      split: i % 3 === 0 && style === "openmoji" ? "heldout" : "train",
    }),
  ),
);

const ofSplit = (pairs: readonly Pair[], split: Pair["split"]): Pair[] =>
  pairs.filter((pair) => pair.split === split);

describe("choosePairs", () => {
  const pairs = choosePairs(all, 30);

  it("takes things in every style, and keeps at most one pair of a thing from training", () => {
    expect(new Set(pairs.map(({ thing }) => thing)).size).toBe(30);
    expect(pairs).toHaveLength(90);
    expect(pairs.some(({ thing }) => thing === "thing 39")).toBe(false);
    const kept = pairs.filter(({ split }) => split !== "train").map(({ thing }) => thing);
    expect(new Set(kept).size).toBe(kept.length);
  });

  it("holds out only what the data set holds out, and trains on nothing of that", () => {
    const isMarked = ({ file_name }: Pair): boolean =>
      all.find((pair) => pair.file_name === file_name)?.split === "heldout";
    expect(ofSplit(pairs, "heldout")).toHaveLength(9);
    expect(ofSplit(pairs, "heldout").every(isMarked)).toBe(true);
    expect(ofSplit(pairs, "train").some(isMarked)).toBe(false);
    expect(ofSplit(pairs, "validation")).toHaveLength(21);
  });

  it("is always the same", () => {
    expect(choosePairs(all, 30)).toEqual(pairs);
  });

  it("says where there are too few things", () => {
    expect(() => choosePairs(all, 50)).toThrow("Expected 50 things in every style but found 39");
  });
});

describe("relabelled", () => {
  const pairs = choosePairs(all, 30);

  it("makes classes of groups", () => {
    const classes = new Map(relabelled(pairs, "groups").map((p) => [p.group, p.class]));
    expect([...classes].sort()).toEqual([0, 1, 2, 3].map((i) => [`group ${i}`, i]));
  });

  it("gives pictures that are trained on each other's captions, and leaves the others theirs", () => {
    const found = relabelled(pairs, "shuffled");
    const texts = (list: readonly Pair[]): string[] => ofSplit(list, "train").map((p) => p.text);
    expect(texts(found).sort()).toEqual(texts(pairs).sort());
    const own = found.filter(({ text, thing }) => text.startsWith(`${thing},`));
    expect(ofSplit(own, "train").length).toBeLessThan(10);
    expect(ofSplit(found, "heldout")).toEqual(ofSplit(pairs, "heldout"));
    for (const { text, dense_text } of found) expect(dense_text).toBe(`${text}, in detail`);
  });
});
