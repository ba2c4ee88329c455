import { NoiseSchedule } from "../../schedulers/index.ts";

/** A sample's loss and its timestep; undefined if the stage has no timesteps. */
export interface TimestepLoss {
  readonly loss: number;
  readonly timestep: number | undefined;
}

/** Number of equal timestep ranges that losses are reported by. */
export const BANDS = 4;

/** Timesteps of a training. */
export const { length: TIMESTEPS } = NoiseSchedule.linear();

/** Which of `bands` equal ranges a timestep falls into; 0 if there are no timesteps. */
export const bandOf = (timestep: number | undefined, bands: number): number =>
  timestep === undefined ? 0 : Math.floor((timestep * bands) / TIMESTEPS);

/** The mean loss of each of the {@link BANDS} bands, by {@link bandName}; samples without timesteps are left out. */
export function bandMeans(seen: Iterable<TimestepLoss>): Record<string, number> {
  const sums = new Map<number, { sum: number; count: number }>();
  for (const { loss, timestep } of seen) {
    if (timestep === undefined) continue;
    const band = bandOf(timestep, BANDS);
    const { sum, count } = sums.get(band) ?? { sum: 0, count: 0 };
    sums.set(band, { sum: sum + loss, count: count + 1 });
  }
  const sorted = [...sums].sort(([a], [b]) => a - b);
  return Object.fromEntries(sorted.map(([band, { sum, count }]) => [bandName(band), sum / count]));
}

/** `0-249`: the timesteps of one of the {@link BANDS} bands. */
const bandName = (band: number): string =>
  `${(band * TIMESTEPS) / BANDS}-${((band + 1) * TIMESTEPS) / BANDS - 1}`;
