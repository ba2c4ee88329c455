/** Further columns are not kept: a file with thousands of band names is damaged. */
const MOST_COLUMNS = 64;
const FIRST_ROOM = 64;

/** Numbers of one name, one per row; NaN if a row has none. */
interface Column {
  values: Float64Array<ArrayBuffer>;
}

/** Values of a row besides its step, by column name. */
export type Row = Readonly<Record<string, number>>;

/**
 * Values recorded after the steps of a stage, as growing columns of numbers. Each step has one row; recording it again moves it
 * to the end.
 */
export class ColumnTable {
  readonly #columns = new Map<string, Column>();
  #length = 0;
  #largestStep = Number.NEGATIVE_INFINITY;

  /** Number of rows. */
  get length(): number {
    return this.#length;
  }

  /** Names of the columns. */
  get names(): string[] {
    return [...this.#columns.keys()];
  }

  /**
   * A column's numbers, in the order in which they were recorded; valid until the next write. Empty if there is no such column.
   */
  column(name: string): Float64Array<ArrayBuffer> {
    const { values } = this.#columns.get(name) ?? { values: new Float64Array(0) };
    return values.subarray(0, this.#length);
  }

  /** Adds the values recorded after a step. */
  put(step: number, row: Row): void {
    if (step <= this.#largestStep) {
      const at = this.column("step").indexOf(step);
      if (at >= 0) this.#keep((i) => i !== at);
    }
    this.#largestStep = Math.max(this.#largestStep, step);
    this.#set("step", step);
    for (const [name, value] of Object.entries(row)) this.#set(name, value);
    this.#length += 1;
  }

  /** Drops the rows beyond a step. */
  dropBeyond(step: number): void {
    if (step >= this.#largestStep) return;
    const steps = this.column("step");
    this.#keep((i) => (steps[i] ?? 0) <= step);
    this.#largestStep = this.column("step").reduce(
      (largest, each) => Math.max(largest, each),
      Number.NEGATIVE_INFINITY,
    );
  }

  /** Writes a number into the row being added. */
  #set(name: string, value: number): void {
    let column = this.#columns.get(name);
    if (column === undefined) {
      if (this.#columns.size >= MOST_COLUMNS) return;
      column = { values: new Float64Array(FIRST_ROOM).fill(Number.NaN) };
      this.#columns.set(name, column);
    }
    if (column.values.length <= this.#length) {
      const room = FIRST_ROOM * 2 ** Math.ceil(Math.log2((this.#length + 1) / FIRST_ROOM));
      const grown = new Float64Array(room);
      grown.set(column.values);
      grown.fill(Number.NaN, column.values.length);
      column.values = grown;
    }
    column.values[this.#length] = value;
  }

  #keep(isKept: (row: number) => boolean): void {
    const kept: number[] = [];
    for (let i = 0; i < this.#length; i++) if (isKept(i)) kept.push(i);
    for (const { values } of this.#columns.values()) {
      for (const [to, from] of kept.entries()) values[to] = values[from] ?? Number.NaN;
      values.fill(Number.NaN, kept.length);
    }
    this.#length = kept.length;
  }
}
