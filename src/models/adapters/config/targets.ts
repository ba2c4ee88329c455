import { InvalidValueError } from "../../../errors/index.ts";
import { Linear, type Module, ProductLayer } from "../../../nn/index.ts";
import type { AdapterTargets } from "./config.ts";
import { TimedPatterns } from "./timed-patterns.ts";

/** The patterns of a configuration's fields, cached because every layer is matched against them. */
const made = new WeakMap<object, Map<string, TimedPatterns>>();

/** The patterns of a field that the object holds, or is. */
function patternsOf(
  holder: object,
  field: string,
  sources: () => readonly string[],
): TimedPatterns {
  const fields = made.get(holder) ?? new Map<string, TimedPatterns>();
  made.set(holder, fields);
  const known = fields.get(field);
  if (known !== undefined) return known;
  const patterns = new TimedPatterns(sources(), field);
  fields.set(field, patterns);
  return patterns;
}

function matchesNames(
  targets: AdapterTargets,
  field: "targetModules" | "excludeModules",
  name: string,
): boolean {
  const names = targets[field];
  return typeof names === "string"
    ? patternsOf(targets, field, () => [names]).test(name)
    : (names ?? []).some((end) => name === end || name.endsWith(`.${end}`));
}

/** Whether the block number in a name is among the wanted ones. */
function isInLayers(targets: AdapterTargets, name: string): boolean {
  const { layersToTransform, layersPattern } = targets;
  const wanted = layersToTransform === null ? [] : [layersToTransform].flat();
  if (wanted.length === 0) return true;
  // Without a pattern PEFT takes the first number after two dots, and thus none in a list at the top level of the model.
  const starts = layersPattern === null ? [".*?\\.[^.]*"] : [layersPattern].flat();
  const prefix = layersPattern === null ? "" : "(?:|.*?\\.)";
  const match = patternsOf(targets, "layersPattern", () =>
    starts.map((start) => `${prefix}${start}\\.(?P<index>\\d+)\\..*`),
  ).firstMatch(name);
  return match !== undefined && wanted.includes(Number(match.found.groups?.index));
}

/** Whether PEFT puts an adapter on the module of this name (PEFT `tuners/tuners_utils.py` check_target_module_exists). */
function isTarget(targets: AdapterTargets, name: string, module: Module): boolean {
  const { targetModules } = targets;
  if (matchesNames(targets, "excludeModules", name)) return false;
  if ((targets.modulesToSave ?? []).some((saved) => isWithin(name, saved))) return false;
  if (typeof targetModules === "string" && targetModules.toLowerCase() === "all-linear") {
    return module instanceof Linear;
  }
  // The choice of layers concerns only modules that are named by their ending.
  if (typeof targetModules !== "string" && targetModules?.includes(name)) return true;
  return matchesNames(targets, "targetModules", name) && isInLayers(targets, name);
}

/** Whether a module has this name or ends with it, or is inside one that does. */
const isWithin = (name: string, other: string): boolean => `.${name}.`.includes(`.${other}.`);

/** All layers that can have adapters, by name. */
export const productLayers = (model: Module): [name: string, layer: ProductLayer][] =>
  [...model.namedModules()].filter(
    (entry): entry is [string, ProductLayer] => entry[1] instanceof ProductLayer,
  );

/**
 * The layers of a model that get an adapter, by name. Throws if there are none, and if `targetModules` matches a module that is
 * not a single product with a weight.
 */
export function findTargets(model: Module, targets: AdapterTargets): Map<string, ProductLayer> {
  const found = new Map<string, ProductLayer>();
  const others: string[] = [];
  for (const [name, module] of model.namedModules()) {
    if (name === "" || !isTarget(targets, name, module)) continue;
    if (module instanceof ProductLayer) found.set(name, module);
    else others.push(`${name} (${module.constructor.name})`);
  }
  const given = JSON.stringify(targets.targetModules);
  if (others.length > 0) {
    throw new InvalidValueError(
      `Expected names of Linear and Conv2d layers for targetModules but received ${given}, which also names ${others.slice(0, 5).join(", ")}`,
    );
  }
  if (found.size === 0) {
    const layers = productLayers(model).map(([name]) => name);
    throw new InvalidValueError(
      `Expected names of layers of ${model.constructor.name} for targetModules but received ${given}, which names none; its layers are ${layers.slice(0, 5).join(", ")}${layers.length > 5 ? ", …" : ""}`,
    );
  }
  return found;
}

/**
 * The layers of the modules whose names end with one of these, as PEFT finds `modules_to_save` (PEFT `utils/other.py`
 * _set_trainable). Throws if such a module has weights that do not belong to a layer.
 */
export function findModulesToSave(
  model: Module,
  ends: readonly string[],
): Map<string, ProductLayer> {
  const modules = [...model.namedModules()].filter(([name]) =>
    ends.some((end) => name.endsWith(end)),
  );
  const isInside = (name: string): boolean =>
    modules.some(([module]) => name === module || name.startsWith(`${module}.`));
  const layers = new Map(productLayers(model).filter(([name]) => isInside(name)));
  const others = [...model.namedParameters().keys()].filter(
    (key) => isInside(key) && !layers.has(key.replace(/\.(weight|bias)$/, "")),
  );
  if (others.length > 0) {
    throw new InvalidValueError(
      `Expected modules of only Linear and Conv2d layers for modulesToSave but received ${JSON.stringify(ends)}, which have ${others.slice(0, 5).join(", ")} too`,
    );
  }
  return layers;
}

/** The value for a layer from the first of `patterns` that matches its name or the end of it, or `otherwise`. */
export function valueFor(
  patterns: Readonly<Record<string, number>>,
  name: string,
  otherwise: number,
  field: string,
): number {
  const values = Object.values(patterns);
  const found = patternsOf(patterns, field, () =>
    Object.keys(patterns).map((source) => `(?:.*\\.)?(?:${source})`),
  ).firstMatch(name);
  return values[found?.index ?? -1] ?? otherwise;
}
