import { construct, type init, type Module } from "../nn/index.ts";
import type { Generator } from "../torch/index.ts";

/** The initializer of all parameters whose keys match. */
export type InitializerRule = readonly [keys: RegExp, initializer: init.Initializer];

/** Reinitializes every parameter of `module` by the first rule that matches its key; a key without a rule stays. */
export function initialize(
  module: Module,
  rules: readonly InitializerRule[],
  generator: Generator | undefined,
): void {
  construct(generator === undefined ? {} : { generator }, () => {
    for (const [key, parameter] of module.namedParameters()) {
      rules.find(([keys]) => keys.test(key))?.[1](parameter);
    }
  });
}
