import { expected, InvalidStateError } from "../../errors/index.ts";
export interface StepPositionOptions {
  /**
   * What to do if the first step is at a timestep that was not planned: throw, or take the last step as diffusers' multistep
   * solvers do.
   */
  readonly unplanned?: "refused" | "last";
}

/** The planned timesteps and the next one to take. */
export class StepPosition {
  readonly #options: StepPositionOptions;
  #timesteps: readonly number[] = [];
  #next: number | undefined;
  /** Where the first step is, if that was said. */
  #begin: number | undefined;

  constructor(options: StepPositionOptions = {}) {
    this.#options = options;
  }

  /** Noisiest first; empty until the first `plan`. */
  get timesteps(): readonly number[] {
    return this.#timesteps;
  }

  /** Starts a schedule. */
  plan(timesteps: readonly number[]): void {
    this.#timesteps = timesteps;
    this.#next = undefined;
    this.#begin = undefined;
  }

  /** Says which step is the first: its timestep alone does not, if another step is at the same one. */
  beginAt(index: number): void {
    if (this.#timesteps[index] === undefined)
      throw expected(`an index below ${this.#timesteps.length}`, "the first step", index);
    this.#begin = index;
  }

  /** Rewinds to before the first step. */
  rewind(): void {
    this.#next = undefined;
  }

  /** Counts the step at `index` as taken. */
  advance(index: number): void {
    this.#next = index + 1;
  }

  /**
   * The index of the step at `timestep`. The first step may be any of the schedule, as in image-to-image. Later ones must follow
   * in order.
   */
  indexOf(timestep: number): number {
    const { length } = this.#timesteps;
    if (length === 0) throw new InvalidStateError("Expected setTimesteps to be called before step");
    if (this.#next === undefined) {
      const first = this.find(timestep);
      if (first >= 0) return first;
      throw expected("a timestep of the schedule", "timestep", timestep);
    }
    const index = this.#next;
    if (index === length) {
      throw new InvalidStateError(
        `Expected no more than ${length} steps: call setTimesteps to start again`,
      );
    }
    if (this.#timesteps[index] !== timestep) {
      throw expected(`${this.#timesteps[index]}`, "timestep", timestep);
    }
    return index;
  }

  /** The index of the next step if that is known and at `timestep`. */
  nextAt(timestep: number): number | undefined {
    const next = this.#next ?? this.#begin;
    return next !== undefined && this.#timesteps[next] === timestep ? next : undefined;
  }

  /**
   * The index of the next step if it is at `timestep`, else of one that may be the first, or -1. A timestep that occurs twice means
   * its second occurrence, where a step of Heun's method begins.
   */
  find(timestep: number): number {
    const next = this.nextAt(timestep);
    if (next !== undefined) return next;
    const found = this.#timesteps.indexOf(timestep);
    if (found < 0) return this.#options.unplanned === "last" ? this.#timesteps.length - 1 : found;
    return found > 0 && this.#timesteps[found + 1] === timestep ? found + 1 : found;
  }
}
