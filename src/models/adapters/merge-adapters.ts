import { InvalidStateError } from "../../errors/index.ts";
import type { Module, ProductLayer } from "../../nn/index.ts";
import { adaptersOf, removeContained } from "./adapter.ts";
import { productLayers } from "./config/targets.ts";
import { type AdapterStack, stackOn } from "./stack.ts";

/** Options of {@link mergeAdapters}. */
export interface MergeOptions {
  /**
   * Whether to keep a copy of every changed weight, which {@link unmergeAdapters} needs. Without it the merged adapters are
   * removed, which can't be undone.
   */
  readonly keepOriginals?: boolean | undefined;
}

const stacks = (model: Module): [stack: AdapterStack, layer: ProductLayer][] =>
  productLayers(model).flatMap(([, layer]): [AdapterStack, ProductLayer][] => {
    const stack = stackOn(layer);
    return stack === undefined ? [] : [[stack, layer]];
  });

/**
 * Merges the enabled adapters into the model's weights: the model is then as fast as without them, and `savePretrained()` writes
 * them. Throws if there are none to merge. If it fails halfway, kept originals are restored.
 */
export function mergeAdapters(model: Module, { keepOriginals = true }: MergeOptions = {}): void {
  const active = stacks(model).filter(([stack]) => stack.isActive);
  if (active.length === 0) {
    throw new InvalidStateError(
      `Expected an enabled adapter that is not merged on ${model.constructor.name} but received none`,
    );
  }
  try {
    for (const [stack, layer] of active) stack.merge(layer, keepOriginals);
  } catch (error) {
    for (const [stack, layer] of active) stack.unmerge(layer);
    throw error;
  }
  if (keepOriginals) return;
  removeContained(
    model,
    adaptersOf(model).filter(({ enabled }) => enabled),
  );
}

/** Takes merged adapters out again: every weight is what it was, to the last bit. Throws if none is merged. */
export function unmergeAdapters(model: Module): void {
  const merged = stacks(model).filter(([stack]) => stack.isMerged);
  if (merged.length === 0) {
    throw new InvalidStateError(
      `Expected merged adapters on ${model.constructor.name} but received none`,
    );
  }
  for (const [stack, layer] of merged) stack.unmerge(layer);
}

/** Throws if a model has enabled adapters that are not merged, because a saved model would lose them. For `savePretrained()`. */
export function refuseUnmergedAdapters(model: Module): void {
  if (!stacks(model).some(([stack]) => stack.isActive)) return;
  const names = adaptersOf(model).filter(({ enabled, isMerged }) => enabled && !isMerged);
  throw new InvalidStateError(
    `Expected merged or disabled adapters for savePretrained() but received ${names.map(({ name }) => `"${name}"`).join(", ")} unmerged; adapter.save() writes an adapter, and mergeAdapters() puts it into the weights`,
  );
}
