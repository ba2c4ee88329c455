import { Adafactor } from "./adafactor.ts";
import { AdamW } from "./adamw.ts";
import { Came } from "./came.ts";
import { Lion } from "./lion.ts";
import { Muon } from "./muon.ts";
import type { Optimizer, ParameterGroup } from "./optimizer.ts";
import type { OptimizerSettings } from "./optimizer-options.ts";
import { Prodigy } from "./prodigy.ts";

/** Creates the optimizer that `settings` describe, over `groups`. */
export function createOptimizer(
  settings: OptimizerSettings,
  groups: readonly ParameterGroup[],
): Optimizer {
  switch (settings.type) {
    case "adamw":
      return new AdamW(groups, settings);
    case "came":
      return new Came(groups, settings);
    case "adafactor":
      return new Adafactor(groups, settings);
    case "lion":
      return new Lion(groups, settings);
    case "prodigy":
      return new Prodigy(groups, settings);
    case "muon":
      return new Muon(groups, settings);
  }
}
