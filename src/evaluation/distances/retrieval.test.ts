import { describe, expect, it } from "vitest";
import * as torch from "../../torch/index.ts";
import { type Label, type LabelledRows, retrieval } from "./retrieval.ts";

const WIDTH = 40;
const STYLES = ["flat", "drawn", "round"];

const noise = (count: number, generator: torch.Generator): Float32Array[] =>
  torch.tidy(() =>
    Array.from({ length: count }, () => torch.rand([WIDTH], { generator }).toFloat32Array()),
  );

/** Copies with every number moved by up to `amount`. */
const disturbed = (
  rows: readonly Float32Array[],
  amount: number,
  generator: torch.Generator,
): Float32Array[] => {
  const moves = noise(rows.length, generator);
  return rows.map((row, i) =>
    row.map((value, k) => value + (2 * (moves[i]?.[k] ?? 0) - 1) * amount),
  );
};

/** A row for each of `count` things in each style; things are grouped by tens. */
function references(count: number, generator: torch.Generator): LabelledRows {
  const labels = Array.from({ length: count }, (_, thing) =>
    STYLES.map((style) => ({
      thing: `thing ${thing}`,
      style,
      group: `group ${Math.floor(thing / 10)}`,
    })),
  ).flat();
  return { labels, rows: noise(labels.length, generator) };
}

const picked = ({ labels, rows }: LabelledRows, places: readonly number[]): LabelledRows => ({
  labels: places.map((i) => labels[i] as Label),
  rows: places.map((i) => rows[i] as Float32Array),
});

describe("retrieval", () => {
  it("finds every thing, group and style in slightly disturbed copies", () => {
    const generator = torch.generator(2);
    const all = references(20, generator);
    const generated = { labels: all.labels, rows: disturbed(all.rows, 0.2, generator) };
    expect(retrieval(generated, all)).toEqual({
      thingRate: 1,
      thingOfFiveRate: 1,
      groupRate: 1,
      styleRate: 1,
      pairRate: 1,
      chance: { thing: 1 / 20, group: 1 / 2, style: 1 / 3 },
      n: 60,
    });
  });

  it("counts thing, group, style and the pair of thing and style apart", () => {
    const all = references(11, torch.generator(3));
    // Thing 0 flat and drawn, thing 1 flat, thing 10 drawn; all said to be thing 0, flat.
    const { rows, labels } = picked(all, [0, 1, 3, 31]);
    const claimed = labels.map(() => all.labels[0] as Label);
    expect(retrieval({ labels: claimed, rows }, all)).toMatchObject({
      thingRate: 0.5,
      groupRate: 0.75,
      styleRate: 0.5,
      pairRate: 0.25,
    });
  });

  it("says nothing of groups where labels have none", () => {
    const { labels, rows } = references(4, torch.generator(4));
    const ungrouped = { labels: labels.map(({ thing, style }) => ({ thing, style })), rows };
    expect(retrieval(ungrouped, ungrouped)).toMatchObject({ groupRate: undefined, thingRate: 1 });
  });

  it("stays at chance on noise", () => {
    const generator = torch.generator(4);
    const all = references(20, generator);
    const labels = Array.from({ length: 600 }, (_, i) => all.labels[i % 60] as Label);
    const { thingRate, styleRate, groupRate, pairRate, chance } = retrieval(
      { labels, rows: noise(600, generator) },
      all,
    );
    // Three standard deviations of 600 draws.
    expect(Math.abs(thingRate - chance.thing)).toBeLessThan(0.027);
    expect(Math.abs(styleRate - chance.style)).toBeLessThan(0.058);
    expect(Math.abs((groupRate ?? 0) - (chance.group ?? 1))).toBeLessThan(0.062);
    expect(pairRate).toBeLessThan(0.034);
  });

  it("weighs chance by how many references carry the labels that were asked for", () => {
    const [row] = noise(1, torch.generator(5)) as [Float32Array];
    const rowsOf = (...labels: Label[]): LabelledRows => ({
      labels,
      rows: labels.map(() => row),
    });
    const uneven = rowsOf(
      { thing: "a", style: "flat" },
      { thing: "a", style: "flat" },
      { thing: "a", style: "drawn" },
      { thing: "b", style: "flat" },
    );
    const asked = rowsOf({ thing: "a", style: "drawn" }, { thing: "c", style: "flat" });
    expect(retrieval(asked, uneven).chance).toEqual({
      thing: 0.375,
      group: undefined,
      style: 0.5,
    });
  });

  it("agrees with a plain search", () => {
    const generator = torch.generator(6);
    const all = references(15, generator);
    for (const row of noise(30, generator)) {
      const distances = all.rows.map((other) =>
        other.reduce((sum, value, k) => sum + (value - (row[k] as number)) ** 2, 0),
      );
      const expected = all.labels[distances.indexOf(Math.min(...distances))] as Label;
      expect(retrieval({ labels: [expected], rows: [row] }, all).pairRate).toBe(1);
    }
  });

  it("refuses empty sides", () => {
    const some = references(1, torch.generator(7));
    const none = { labels: [], rows: [] };
    expect(() => retrieval(none, some)).toThrow(
      "Expected at least one picture for generated but received none",
    );
    expect(() => retrieval(some, none)).toThrow(
      "Expected at least one picture for references but received none",
    );
  });
});
