import type { StepEvent, ValidationEvent } from "../events.ts";
import { type Buckets, bucketsOf, type SeriesRange } from "./buckets.ts";
import { ColumnTable } from "./column-table.ts";

/** Counts events of all kinds, to know which stage came first. */
const ORDER = "order";

/** The curves of one stage. */
export class StageTrace {
  /**
   * After each step: `loss`, `gradNorm`, `lr`, `imagesPerSecond`, `seconds` (of the whole step), `loss/0-249` and the other
   * bands; `memory` and `deviceMemory` in bytes if recorded.
   */
  readonly steps: ColumnTable = new ColumnTable();
  /** For each measurement: `train`, `heldout`, and their bands, such as `heldout/0-249`. */
  readonly validations: ColumnTable = new ColumnTable();

  /** Number of the first event still current; infinite if there is none. */
  get firstOrder(): number {
    return Math.min(
      ...[this.steps, this.validations].map(
        (table) => table.column(ORDER)[0] ?? Number.POSITIVE_INFINITY,
      ),
    );
  }

  /** @param order number of earlier events of all kinds */
  addStep(event: StepEvent, order: number): void {
    const { step, loss, gradNorm, lr, imagesPerSecond, seconds, bands = {}, memory } = event;
    const total = Object.values(seconds).reduce((sum, part) => sum + part, 0);
    this.steps.put(step, {
      [ORDER]: order,
      ...{ loss, gradNorm, lr, imagesPerSecond, seconds: total },
      ...prefixed("loss", bands),
      ...(memory !== undefined && { memory: memory.rss }),
      ...(memory?.device !== undefined && { deviceMemory: memory.device }),
    });
  }

  addValidation({ step, losses, bands }: ValidationEvent, order: number): void {
    const all = Object.entries(bands).map(([split, own]) => prefixed(split, own));
    this.validations.put(step, Object.assign({ [ORDER]: order, ...losses }, ...all));
  }

  dropBeyond(step: number): void {
    this.steps.dropBeyond(step);
    this.validations.dropBeyond(step);
  }

  /** A curve by its column's name, of steps or measurements; empty if nothing was recorded under that name. */
  series(key: string, range: SeriesRange): Buckets {
    const table = this.validations.names.includes(key) ? this.validations : this.steps;
    return bucketsOf(table.column("step"), table.column(key), range);
  }

  /** Seconds spent in all steps. */
  get seconds(): number {
    return this.steps.column("seconds").reduce((sum, each) => sum + each, 0);
  }

  /** Seconds of training elapsed after some of the steps, always including the last. */
  clock(points: number): { readonly steps: number[]; readonly seconds: number[] } {
    const [steps, seconds] = [this.steps.column("step"), this.steps.column("seconds")];
    const told = { steps: [] as number[], seconds: [] as number[] };
    const every = Math.ceil(steps.length / points);
    let sum = 0;
    for (const [i, step] of steps.entries()) {
      sum += seconds[i] ?? 0;
      if ((i + 1) % every !== 0 && i + 1 < steps.length) continue;
      told.steps.push(step);
      told.seconds.push(sum);
    }
    return told;
  }
}

const prefixed = (
  prefix: string,
  values: Readonly<Record<string, number>>,
): Record<string, number> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}/${name}`, value]));
