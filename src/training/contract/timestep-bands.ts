import { NoiseSchedule } from "../../schedulers/index.ts";

/** A sample's loss, and where on the noise schedule; no timestep where the stage has none. */
export interface SeenLoss {
  readonly loss: number;
  readonly timestep: number | undefined;
}

/** Ranges of equal size that losses are reported by. */
export const BANDS = 4;

const { length: timesteps } = NoiseSchedule.linear();

/** Which of `bands` ranges of equal size a timestep is in; all is one where there are no timesteps. */
export const bandOf = (timestep: number | undefined, bands: number): number =>
  timestep === undefined ? 0 : Math.floor((timestep * bands) / timesteps);

/** `0-249`: the timesteps of a band, of {@link BANDS}. */
export const bandName = (band: number): string =>
  `${(band * timesteps) / BANDS}-${((band + 1) * timesteps) / BANDS - 1}`;
