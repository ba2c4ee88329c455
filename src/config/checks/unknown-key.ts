import { z } from "zod";
import { configSchema } from "../schema/config-schema.ts";
import { nearest } from "./did-you-mean.ts";

/** The parts of JSON Schema that define which keys exist. */
interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
  readonly const?: unknown;
  readonly default?: unknown;
}

type Path = readonly PropertyKey[];

/**
 * The message for an unknown key: `Unknown key stages.1.lr. Did you mean stages.1.optimizer.lr?`
 * @param path location of the key in `config`
 */
export function unknownKey(path: Path, key: string, config: unknown): string {
  const root = z.toJSONSchema(configSchema(config), { io: "input" }) as Node;
  const known = Object.keys(nodeAt(root, path, config)?.properties ?? {});
  const given = [...path, key].join(".");
  const near = nearest(key, known);
  const elsewhere = keyPaths(root, [])
    .filter((keys) => keys.at(-1) === key)
    .map((keys) => keys.map((part, i) => (part === anyIndex ? (path[i] ?? part) : part)).join("."))
    .find((place) => place !== given);
  const meant = near === undefined ? elsewhere : [...path, near].join(".");
  const hint = meant === undefined ? `Known here: ${known.join(", ")}.` : `Did you mean ${meant}?`;
  return `Unknown key ${given}. ${hint}`;
}

/** The schema of the value at `path`. */
function nodeAt(root: Node, path: Path, config: unknown): Node | undefined {
  let node: Node | undefined = root;
  let value = config;
  for (const key of path) {
    value = (value as Readonly<Record<PropertyKey, unknown>>)[key];
    node = chosen(node?.items ?? node?.properties?.[String(key)], value);
  }
  return node;
}

/** The alternative that matches `value`, such as a kind of stage or a type of optimizer. */
function chosen(node: Node | undefined, value: unknown): Node | undefined {
  return alternatives(node).find(({ properties = {} }) =>
    ["kind", "type"].every((key) => {
      const { const: only, default: unlessGiven } = properties[key] ?? {};
      const given: unknown = Object(value)[key] ?? unlessGiven;
      return only === undefined || only === given;
    }),
  );
}

const alternatives = (node: Node | undefined): readonly Node[] =>
  node?.anyOf ?? node?.oneOf ?? (node === undefined ? [] : [node]);

/** Placeholder for a stage's index in a path. */
const anyIndex = "N";

/** The path of every key, those closest to the root first. */
function keyPaths(node: Node, path: readonly string[]): (readonly string[])[] {
  const inner = alternatives(node).flatMap(({ properties = {}, items }) => {
    const children = Object.entries(properties).map(([key, child]) =>
      keyPaths(child, [...path, key]),
    );
    return [
      ...children.flat(),
      ...(items === undefined ? [] : keyPaths(items, [...path, anyIndex])),
    ];
  });
  return [path, ...inner].sort((a, b) => a.length - b.length);
}
