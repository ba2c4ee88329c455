import { expected } from "./checks/mistakes.ts";
import { ConfigError } from "./config-error.ts";

/**
 * Applies dotted paths to a config, as in `--cfg-options seed=1 stages.0.steps=10 sampling.prompts=[a fox,an owl]`. A value is
 * JSON if it parses as JSON, a list if it is in brackets, and text otherwise. Unknown keys are reported when the result is
 * resolved.
 * @param source the file that the config is from, for messages
 */
export function applyOverrides(
  config: unknown,
  overrides: readonly string[],
  source: string,
): unknown {
  const mistakes: string[] = [];
  let changed = config;
  for (const override of overrides) {
    const [, path, value] = /^([^=]+)=(.*)$/s.exec(override) ?? [];
    if (path === undefined || value === undefined) {
      mistakes.push(`Expected path.to.key=value but received ${JSON.stringify(override)}.`);
    } else {
      changed = withValue(changed, path.split("."), 0, parseValue(value), mistakes);
    }
  }
  if (mistakes.length > 0) throw new ConfigError(source, mistakes);
  return changed;
}

/** `node` with the value at `keys`, from the `depth`-th on, replaced; adds a mistake if they lead nowhere. */
function withValue(
  node: unknown,
  keys: readonly string[],
  depth: number,
  value: unknown,
  mistakes: string[],
): unknown {
  const key = keys[depth];
  if (key === undefined) return value;
  const inner = (child: unknown): unknown => withValue(child, keys, depth + 1, value, mistakes);
  const path = keys.slice(0, depth);
  if (Array.isArray(node)) {
    const index = Number(key);
    if (/^\d+$/.test(key) && index < node.length) return node.with(index, inner(node[index]));
    mistakes.push(expected(`an index into a list of ${node.length}`, [...path, key], key));
  } else if (typeof node === "object" || node === undefined) {
    const fields = new Map<string, unknown>(Object.entries(node ?? {}));
    return { ...node, [key]: inner(fields.get(key)) };
  } else if (typeof node === "number" && key === "epochs" && keys.length === depth + 1) {
    return { epochs: value }; // the number of steps becomes a number of epochs
  } else {
    mistakes.push(expected(`an object with settings such as ${key}`, path, node));
  }
  return node;
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const list = /^\[(.*)\]$/s.exec(text)?.[1];
    return list === undefined ? text : list.split(",").map((item) => parseValue(item.trim()));
  }
}
