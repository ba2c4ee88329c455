import type { World } from "../../distributed/index.ts";
import type { StageLoss } from "../contract/stage-task.ts";
import type { TimestepLoss } from "../contract/timestep-bands.ts";

/** A picture's loss in a step. */
export interface SampleLoss extends TimestepLoss {
  readonly id: number;
}

/** The losses of a step's passes, over all processes. */
export interface StepLoss {
  readonly loss: number;
  readonly parts: Readonly<Record<string, number>>;
  /** In the order of the passes. */
  readonly samples: readonly SampleLoss[];
}

/** Numbers per sample: its id, its loss, its timestep or -1. */
const FIELDS = 3;

/** Gathers a step's losses: first those of this process's passes, then those of the other processes. */
export class StepLosses {
  readonly #passes: number;
  #loss = 0;
  readonly #parts: Record<string, number> = {};
  /** For each of this process's passes. */
  readonly #samples: SampleLoss[][] = [];

  /** @param passes per step, over all processes */
  constructor(passes: number) {
    this.#passes = passes;
  }

  /** Adds a pass of this process. */
  add(ids: readonly number[], { loss, parts, samples }: StageLoss): void {
    this.#loss += loss.item() / this.#passes;
    for (const [name, value] of Object.entries(parts))
      this.#parts[name] = (this.#parts[name] ?? 0) + value.item() / this.#passes;
    const losses = samples.values.toFloat32Array();
    this.#samples.push(
      ids.map((id, i) => ({ id, loss: losses[i] ?? Number.NaN, timestep: samples.timesteps?.[i] })),
    );
  }

  /** The same in every process, and the same as a single process would compute. */
  ofAll(world: World, batchSize: number): StepLoss {
    if (world.size === 1)
      return { loss: this.#loss, parts: this.#parts, samples: this.#samples.flat() };
    const names = Object.keys(this.#parts);
    const own = [
      this.#loss,
      ...Object.values(this.#parts),
      ...this.#samples.flat().flatMap(({ id, loss, timestep }) => [id, loss, timestep ?? -1]),
    ];
    const passes = Math.ceil(this.#passes / world.size);
    const all = world.gather(own, 1 + names.length + passes * batchSize * FIELDS);
    const total = (at: number): number => all.reduce((sum, row) => sum + (row[at] ?? 0), 0);
    return {
      loss: total(0),
      parts: Object.fromEntries(names.map((name, i) => [name, total(1 + i)])),
      samples: Array.from({ length: this.#passes }, (_, pass) => {
        const first = 1 + names.length + Math.floor(pass / world.size) * batchSize * FIELDS;
        const row = all[pass % world.size] ?? [];
        return samplesIn(row.slice(first, first + batchSize * FIELDS));
      }).flat(),
    };
  }
}

const samplesIn = (numbers: readonly number[]): SampleLoss[] =>
  Array.from({ length: numbers.length / FIELDS }, (_, i): SampleLoss => {
    const [id = 0, loss = Number.NaN, timestep = -1] = numbers.slice(i * FIELDS);
    return { id, loss, timestep: timestep < 0 ? undefined : timestep };
  });
