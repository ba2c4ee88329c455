/** The planned timesteps and the next one to take. */
export class StepPosition {
  #timesteps: readonly number[] = [];
  #next: number | undefined;

  /** Noisiest first; empty until the first `plan`. */
  get timesteps(): readonly number[] {
    return this.#timesteps;
  }

  /** Starts a schedule. */
  plan(timesteps: readonly number[]): void {
    this.#timesteps = timesteps;
    this.#next = undefined;
  }

  /** Goes back to before the first step. */
  rewind(): void {
    this.#next = undefined;
  }

  /** Counts the step at `index` as taken. */
  advance(index: number): void {
    this.#next = index + 1;
  }

  /**
   * The index of the step at `timestep`. The first step may be any of the schedule, as in image-to-image; a timestep that
   * occurs twice then means its second occurrence, where a step of Heun's method begins. Later ones come in turn.
   */
  indexOf(timestep: number): number {
    const { length } = this.#timesteps;
    if (length === 0) throw new Error("Expected setTimesteps to be called before step");
    const index = this.#next ?? this.#first(timestep);
    if (index === length) {
      throw new Error(`Expected no more than ${length} steps: call setTimesteps to start again`);
    }
    if (this.#timesteps[index] !== timestep) {
      const expected =
        this.#next === undefined ? "a timestep of the schedule" : this.#timesteps[index];
      throw new Error(`Expected ${expected} for timestep but received ${timestep}`);
    }
    return index;
  }

  #first(timestep: number): number {
    const found = this.#timesteps.indexOf(timestep);
    return found > 0 && this.#timesteps[found + 1] === timestep ? found + 1 : found;
  }
}
