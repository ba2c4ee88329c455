import { z } from "zod";
import { configSchema } from "./config-schema.ts";
import { nearest } from "./did-you-mean.ts";

/** The parts of JSON Schema that say which keys there are. */
interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
  readonly const?: unknown;
}

type Path = readonly PropertyKey[];

/**
 * The sentence for a key that no config has: `Unknown key stages.1.lr. Did you mean stages.1.optimizer.lr?`
 * @param path where in `config` the key stands
 */
export function unknownKey(path: Path, key: string, config: unknown): string {
  const root = z.toJSONSchema(configSchema, { io: "input" }) as Node;
  const known = Object.keys(nodeAt(root, path, config)?.properties ?? {});
  const sentence = `Unknown key ${[...path, key].join(".")}.`;
  const near = nearest(key, known);
  if (near !== undefined) return `${sentence} Did you mean ${[...path, near].join(".")}?`;
  const elsewhere = keyPaths(root, []).find((keys) => keys.at(-1) === key);
  if (elsewhere === undefined) return `${sentence} Known here: ${known.join(", ")}.`;
  const meant = elsewhere.map((part, i) => (part === anyIndex ? (path[i] ?? part) : part));
  return `${sentence} Did you mean ${meant.join(".")}?`;
}

/** Whether a part of a config reads a component from a folder. */
export function isPretrained(value: unknown): boolean {
  return typeof value === "object" && value !== null && "pretrained" in value;
}

/** What describes the value at `path`. */
function nodeAt(root: Node, path: Path, config: unknown): Node | undefined {
  let node: Node | undefined = root;
  let value = config;
  for (const key of path) {
    value = (value as Readonly<Record<PropertyKey, unknown>>)[key];
    node = chosen(node?.items ?? node?.properties?.[String(key)], value);
  }
  return node;
}

/** Of a stage's kinds, and of a new and a pretrained component, the alternative that `value` is one of. */
function chosen(node: Node | undefined, value: unknown): Node | undefined {
  const kind = Object(value).kind;
  return alternatives(node).find(({ properties }) =>
    properties?.["kind"] === undefined
      ? isPretrained(properties) === isPretrained(value)
      : properties["kind"].const === kind,
  );
}

const alternatives = (node: Node | undefined): readonly Node[] =>
  node?.anyOf ?? node?.oneOf ?? (node === undefined ? [] : [node]);

/** Stands in a path for the number of a stage. */
const anyIndex = "N";

/** The path of every key, those nearest the root first. */
function keyPaths(node: Node, path: readonly string[]): (readonly string[])[] {
  const inner = alternatives(node).flatMap(({ properties = {}, items }) => {
    const children = Object.entries(properties).map(([key, child]) => keyPaths(child, [...path, key]));
    return [...children.flat(), ...(items === undefined ? [] : keyPaths(items, [...path, anyIndex]))];
  });
  return [path, ...inner].sort((a, b) => a.length - b.length);
}
