import type { Device, DType, Generator } from "../torch/index.ts";

/** Device, random stream and limits for making parameters. */
export interface ConstructOptions {
  /** `"meta"` only makes shapes, for models whose weights are loaded next. */
  readonly device?: Device;
  readonly dtype?: DType;
  /** Source of random numbers, in the order of construction. Default: libtorch's default generator. */
  readonly generator?: Generator;
  /** Called with the shape of each parameter before it is made; may throw. */
  readonly onParameter?: (shape: readonly number[]) => void;
}

let current: ConstructOptions = {};

/** Runs `build` with these options for every parameter made inside; inner calls override individual fields. */
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
