import { BadFileError } from "../weights/index.ts";

/** The number of layers of one kind in a configuration, and the prefix of their weights' keys up to their number. */
export interface LayerCount {
  /** Name of the field in `config.json`. */
  readonly field: string;
  readonly says: number;
  /** `transformer_blocks.` */
  readonly start: string;
}

/**
 * Throws BadFileError if weights hold another number of layers than their configuration, `path`, says. Called before a model is
 * built, which would never end if it says a billion.
 */
export function requireHeld(
  path: string,
  keys: Iterable<string>,
  counts: readonly LayerCount[],
): void {
  const numbers = counts.map(() => new Set<string>());
  for (const key of keys) {
    for (const [i, { start }] of counts.entries()) {
      if (!key.startsWith(start)) continue;
      const end = key.indexOf(".", start.length);
      if (end > start.length) numbers[i]?.add(key.slice(start.length, end));
    }
  }
  for (const [i, { field, says, start }] of counts.entries()) {
    const held = numbers[i]?.size ?? 0;
    if (held === says) continue;
    throw new BadFileError(
      path,
      field,
      `the ${held} that the weights contain (${start}*)`,
      `${says}`,
      "the configuration is another model's, or part of the weights is missing",
    );
  }
}

/** Number of parameters beyond those in the weights that may be missing, so that they are listed by name. */
const MISSING = 200;
/** Most elements of one parameter: a million times those of the largest layer of any model that fits a machine. */
const MOST_ELEMENTS = 2 ** 48;

/**
 * A check to run before each parameter is made of a model whose weights have `held` tensors. Throws BadFileError for far too many
 * parameters, and for one whose size no weights can have.
 */
export function parameterLimit(path: string, held: number): (shape: readonly number[]) => void {
  const most = 2 * held + MISSING;
  let count = 0;
  return (shape) => {
    count += 1;
    if (count > most) {
      const wanted = `a model of the ${held} tensors that the weights contain`;
      throw new BadFileError(path, "file", wanted, `one of more than ${most}`);
    }
    if (!(shape.reduce((product, extent) => product * extent, 1) <= MOST_ELEMENTS)) {
      const wanted = "sizes that weights can have";
      throw new BadFileError(path, "file", wanted, `a tensor of [${shape.join(", ")}]`);
    }
  };
}
