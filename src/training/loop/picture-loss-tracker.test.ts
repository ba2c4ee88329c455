import { afterEach, describe, expect, it } from "vitest";
import { IncompatibleError } from "../../errors/index.ts";
import * as torch from "../../torch/index.ts";
import type { PictureLoss } from "../run-folder/picture-losses-file.ts";
import { PictureLossTracker } from "./picture-loss-tracker.ts";

const name = (id: number): string => `${id}.png`;
const uniform = (seed: number, count: number): Float32Array =>
  torch.tidy(() => torch.rand([count], { generator: torch.generator(seed) }).toFloat32Array());

let ledgers: PictureLossTracker[] = [];
const ledger = (count: number | readonly string[]): PictureLossTracker => {
  const made = new PictureLossTracker(
    typeof count === "number" ? Array.from({ length: count }, (_, id) => name(id)) : count,
  );
  ledgers.push(made);
  return made;
};
afterEach(() => {
  for (const each of ledgers) each.dispose();
  ledgers = [];
});

/** 40 pictures, each seen 25 times at random timesteps with a loss that falls with t by far more than pictures differ. */
function seen(into: PictureLossTracker, harder: number, from = 0, to = 1000): void {
  const [times, noise] = [uniform(1, 1000), uniform(2, 1000)];
  for (let i = from; i < to; i++) {
    const [timestep, id] = [Math.floor((times[i] ?? 0) * 1000), i % 40];
    const loss =
      (1 / (1 + timestep / 20)) * (1 + 0.5 * (noise[i] ?? 0)) * (id === harder ? 1.5 : 1);
    into.add(id, { loss, timestep });
  }
}
const worst = (list: readonly PictureLoss[], by: (one: PictureLoss) => number): string =>
  list.reduce((a, b) => (by(b) > by(a) ? b : a)).picture;

describe("PictureLossTracker", () => {
  it("finds the picture that is harder at its timesteps, where the mean loss does not", () => {
    const own = ledger(40);
    seen(own, 17);
    const pictures = own.pictures();
    expect(worst(pictures, ({ score }) => score)).toBe("17.png");
    expect(worst(pictures, ({ loss }) => loss)).not.toBe("17.png");
  });

  it("tells mean loss, what was expected and the score by their definitions", () => {
    const own = ledger(3);
    own.add(1, { loss: 2, timestep: 10 }); // mean 2, deviation 0
    own.add(1, { loss: 6, timestep: 20 }); // mean 4, deviation 2: 1 above
    own.add(2, { loss: 1, timestep: 990 }); // a band of its own
    expect(own.pictures()).toEqual([
      { picture: "1.png", seen: 2, loss: 4, expected: 3, score: 0.5 },
      { picture: "2.png", seen: 1, loss: 1, expected: 1, score: 0 },
    ]);
  });

  it("follows losses that fall, rather than comparing with how things once were", () => {
    const own = ledger(2);
    for (let i = 0; i < 3000; i++) own.add(0, { loss: 100 + (i % 2), timestep: undefined });
    for (let i = 0; i < 12000; i++) own.add(0, { loss: 1 + (i % 2), timestep: undefined });
    own.add(1, { loss: 2.5, timestep: undefined });
    const [, late] = own.pictures();
    expect(late?.expected).toBeCloseTo(1.5, 2);
    expect(late?.score).toBeGreaterThan(1.5);
  });

  it("goes on from its tensors to the last bit", () => {
    const [straight, first, second] = [ledger(40), ledger(40), ledger(40)];
    seen(straight, 3);
    seen(first, 3, 0, 500);
    expect(second.restore(first.tensors())).toBe(true);
    seen(second, 3, 500);
    expect(second.pictures()).toEqual(straight.pictures());
    expect(second.since).toBe(0);
  });

  it("keeps each picture's losses by its name, whatever came, went or was renamed", () => {
    const before = ledger(["a.png", "b.png", "c.png", "d.png"]);
    for (const id of [0, 1, 1, 2, 2, 2, 3]) before.add(id, { loss: id + 1, timestep: 10 });
    // A new one stands before all, b.png is gone, d.png comes before c.png under its new name.
    const after = ledger(["0.png", "a.png", "bb.png", "c.png"]);
    expect(after.restore(before.tensors(), new Map([["d.png", "bb.png"]]))).toBe(true);
    expect(after.pictures().map(({ picture, seen, loss }) => [picture, seen, loss])).toEqual([
      ["a.png", 1, 1],
      ["bb.png", 1, 4],
      ["c.png", 3, 3],
    ]);
  });

  it("keeps the losses of pictures that have one name apart", () => {
    const [before, after] = [ledger(["a.png", "a.png"]), ledger(["a.png", "a.png", "a.png"])];
    for (const id of [0, 1, 1]) before.add(id, { loss: id + 1, timestep: 10 });
    expect(after.restore(before.tensors())).toBe(true);
    expect(after.pictures()).toEqual(before.pictures());
  });

  it("takes those of an earlier version, without names, by their places, where their number is the same", () => {
    const [old, same, larger, other] = [ledger(40), ledger(40), ledger(41), ledger(41)];
    seen(old, 3);
    const nameless = new Map([...old.tensors()].filter(([key]) => key !== "names"));
    expect(same.restore(nameless)).toBe(true);
    expect(same.pictures()).toEqual(old.pictures());
    expect(larger.restore(nameless)).toBe(false);
    expect(larger.pictures()).toEqual([]);
    larger.begin(120);
    expect(other.restore(larger.tensors())).toBe(true);
    expect(other.since).toBe(120);
  });

  it("refuses tensors of which one is missing", () => {
    expect(() => ledger(1).restore(new Map())).toThrow(
      new IncompatibleError('The checkpoint lacks "pictures" of its part "losses"'),
    );
  });
});
