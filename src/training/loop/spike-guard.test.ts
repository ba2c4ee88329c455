import { describe, expect, it } from "vitest";
import type { TimestepLoss } from "../contract/timestep-bands.ts";
import { SpikeGuard } from "./spike-guard.ts";

const at = (timestep: number | undefined, ...losses: number[]): TimestepLoss[] =>
  losses.map((loss) => ({ loss, timestep }));

function filled(window: number, step: (i: number) => TimestepLoss[]): SpikeGuard {
  const guard = new SpikeGuard({ factor: 10, window });
  for (let i = 0; i < window; i++) guard.add(step(i));
  return guard;
}

describe("SpikeGuard", () => {
  it("knows no spike while the window is not full", () => {
    const guard = new SpikeGuard({ factor: 10, window: 3 });
    for (let i = 0; i < 2; i++) guard.add(at(500, 1));
    expect(guard.spikeOf(at(500, 1e6))).toBeUndefined();
    guard.add(at(500, 1));
    expect(guard.spikeOf(at(500, 1e6))).toBe(1e6);
  });

  it("compares with the median, not the mean", () => {
    // 1, 1, 1, 9, 9: mean 4.2, median 1.
    const guard = filled(5, (i) => at(undefined, i < 3 ? 1 : 9));
    expect(guard.spikeOf(at(undefined, 10))).toBeUndefined();
    expect(guard.spikeOf(at(undefined, 10.1))).toBeCloseTo(10.1, 12);
  });

  it("takes the mean of the two in the middle of an even window", () => {
    const guard = filled(4, (i) => at(undefined, [1, 2, 4, 8][i] ?? 0));
    expect(guard.spikeOf(at(undefined, 30.1))).toBeCloseTo(30.1 / 3, 12);
    expect(guard.spikeOf(at(undefined, 29.9))).toBeUndefined();
  });

  it("expects of small timesteps what they usually lose: one in ten there is no spike", () => {
    // Batches of one: at t = 50 the loss is 40 times that at t = 900.
    const guard = filled(100, (i) => (i % 10 === 0 ? at(50, 0.8) : at(900, 0.02)));
    expect(guard.spikeOf(at(50, 1))).toBeUndefined();
    expect(guard.spikeOf(at(900, 0.02 * 11))).toBeCloseTo(11, 10);
    expect(guard.spikeOf(at(50, 0.8 * 11))).toBeCloseTo(11, 10);
  });

  it("takes the mean of all bands for one that the window has not seen", () => {
    const guard = filled(4, (i) => at(i % 2 === 0 ? 100 : 900, i % 2 === 0 ? 3 : 1));
    expect(guard.spikeOf(at(500, 2 * 11))).toBeCloseTo(11, 12);
  });

  it("forgets what is older than the window", () => {
    const guard = filled(3, () => at(500, 100));
    for (let i = 0; i < 3; i++) guard.add(at(500, 1));
    expect(guard.spikeOf(at(500, 100))).toBe(100);
  });

  it("stays calm where the losses are 0", () => {
    const guard = filled(3, () => at(500, 0));
    expect(guard.spikeOf(at(500, 1))).toBeUndefined();
  });

  it("goes on from its state, as JSON has it, as if nothing had happened", () => {
    const step = (i: number): TimestepLoss[] => at((i * 397) % 1000, 0.1 / (i + 3), 0.7 / (i + 1));
    const guard = filled(20, step);
    const other = new SpikeGuard({ factor: 10, window: 20 });
    other.restore(JSON.parse(JSON.stringify(guard.state())));
    for (const each of [guard, other]) each.add(step(21));
    const spike = at(321, 17, 0.123);
    expect(other.spikeOf(spike)).toBe(guard.spikeOf(spike));
    expect(guard.spikeOf(spike)).toBeGreaterThan(10);
  });
});
