import type { Device, DType, Generator } from "../torch/index.ts";

/** Where, as what and from which random stream parameters are made. */
export interface ConstructOptions {
  /** `"meta"` makes shapes only: for models whose weights are loaded next. */
  readonly device?: Device;
  readonly dtype?: DType;
  /** Drawn from in the order of construction; libtorch's default generator if left out. */
  readonly generator?: Generator;
  /** Hears the shape of each parameter before it is made, and may throw. */
  readonly onParameter?: (shape: readonly number[]) => void;
}

let current: ConstructOptions = {};

/** Runs `build` with these options for every parameter made inside; an inner call overrides field by field. */
export function construct<T>(options: ConstructOptions, build: () => T): T {
  const previous = current;
  current = { ...previous, ...options };
  try {
    return build();
  } finally {
    current = previous;
  }
}

/** The options of the innermost {@link construct}. */
export const constructOptions = (): ConstructOptions => current;
