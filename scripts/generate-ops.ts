/**
 * Writes src/torch/ops.gen.ts: a typed wrapper for every operator listed in src/torch/ops.json, from the schemas of the
 * running libtorch. `npm run ops` writes the file; a test compares it.
 *
 * An entry is `name[/positional]: overload [| overload]`. Arguments before the schema's `*` are positional unless
 * `/positional` says how many are; the others form one options object. Of two overloads the second is taken where the
 * argument in which they differ is a number.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { native } from "../src/torch/binding.ts";

interface Argument {
  readonly name: string;
  readonly type: string;
  readonly optional: boolean;
  readonly keyword: boolean;
}

interface Schema {
  readonly overload: string;
  readonly text: string;
  readonly args: readonly Argument[];
  readonly returns: readonly string[];
  readonly inPlace: boolean;
}

interface OpLists {
  readonly methods: string[];
  readonly functions: string[];
  readonly functional: string[];
  readonly foreach: string[];
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const camel = (name: string): string =>
  name.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase());
const RESERVED = new Map([
  ["self", "input"],
  ["default", "defaultValue"],
  ["function", "fn"],
]);
const argumentName = (name: string): string => RESERVED.get(name) ?? camel(name);

/** Splits at commas that stand outside brackets. */
function splitTopLevel(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let current = "";
  for (const c of text) {
    if ("([".includes(c)) depth++;
    if (")]".includes(c)) depth--;
    if (c === "," && depth === 0) {
      parts.push(current.trim());
      current = "";
    } else current += c;
  }
  if (current.trim() !== "") parts.push(current.trim());
  return parts;
}

// Arguments that eager tensors of this library never set.
const OMITTED = new Set(["layout", "pin_memory", "memory_format", "non_blocking"]);

/** libtorch's own operators go without their namespace. */
const fullName = (overload: string): string =>
  overload.includes("::") ? overload : `aten::${overload}`;

function parse(overload: string): Schema {
  const text = native.schema(fullName(overload));
  const arrow = text.lastIndexOf(" -> ");
  const open = text.indexOf("(");
  const body = text.slice(open + 1, text.lastIndexOf(")", arrow));
  let keyword = false;
  const args: Argument[] = [];
  for (const part of splitTopLevel(body)) {
    if (part === "*") {
      keyword = true;
      continue;
    }
    const match = /^(.+?) (\w+)(=.*)?$/.exec(part);
    if (match === null) throw new Error(`cannot read argument "${part}" of ${text}`);
    const [, type = "", name = "", value] = match;
    const bare = type.replace(/\([a-z!| ->*]*\)/g, "");
    args.push({ name, type: bare, optional: value !== undefined || bare.endsWith("?"), keyword });
  }
  const returnText = text.slice(arrow + 4);
  const inPlace = /\([a-z]!\)/.test(returnText) || returnText === "()";
  const returns = splitTopLevel(
    returnText.startsWith("(") ? returnText.slice(1, -1) : returnText,
  ).map((r) => r.replace(/\([a-z!| ->*]*\)/g, "").replace(/ \w+$/, ""));
  return { overload, text, args, returns, inPlace };
}

function typeOf(argument: Argument): string {
  const type = argument.type.replace(/\?$/, "");
  const list = /^(.+)\[(\d*)\]$/.exec(type);
  if (list !== null) {
    const element = typeOf({ ...argument, type: list[1] ?? "" });
    const array = `readonly ${element.includes("|") ? `(${element})` : element}[]`;
    return list[2] === "" ? array : `${element} | ${array}`;
  }
  const nullable = argument.type.endsWith("?") ? " | null" : "";
  switch (type) {
    case "Tensor":
      return `Tensor${nullable}`;
    case "Scalar":
    case "float":
    case "int":
    case "SymInt":
      return "number";
    case "bool":
      return "boolean";
    case "str":
      return "string";
    case "ScalarType":
      return "DType";
    case "Device":
      return "Device";
    case "Generator":
      return "Generator";
    default:
      throw new Error(`no TypeScript type for ${argument.type}`);
  }
}

/** The expression that hands an argument to the addon. */
function pass(argument: Argument, expression: string): string {
  const type = argument.type.replace(/\?$/, "");
  const chain = argument.optional ? "?" : "";
  if (type === "Tensor") return `${expression}${chain}.handle`;
  if (type === "Generator") return `${expression}${chain}.handle`;
  if (type === "Tensor[]") return `handlesOf(${expression})`;
  if (type === "Tensor?[]") return `${expression}.map((t) => t?.handle ?? null)`;
  if (type === "ScalarType") return `dtypeCode(${expression})`;
  return expression;
}

function resultType(schema: Schema, self: string): string {
  if (schema.inPlace) return self;
  const one = (type: string): string =>
    type === "Tensor"
      ? "Tensor"
      : type === "Tensor[]"
        ? "Tensor[]"
        : type === "bool"
          ? "boolean"
          : "number";
  const types = schema.returns.map(one);
  return types.length === 1 ? (types[0] ?? "void") : `[${types.join(", ")}]`;
}

function wrapResult(schema: Schema, call: string): string {
  if (schema.returns.length > 1) return `wrapAll(${call}) as ${resultType(schema, "")}`;
  if (schema.returns[0] === "Tensor") return `wrap(${call})`;
  if (schema.returns[0] === "Tensor[]") return `wrapAll(${call})`;
  return call;
}

const constants: string[] = [];
const constantOf = (overload: string): string => {
  const name = overload.replace(/\W/g, "_").toUpperCase();
  const line = `const ${name} = native.resolve("${fullName(overload)}");`;
  if (!constants.includes(line)) constants.push(line);
  return name;
};

function generate(entry: string, asMethod: boolean): string {
  const match = /^(\w+)(?:\/(\d+))?: (\S+)(?: \| (\S+))?$/.exec(entry);
  if (match === null) throw new Error(`cannot read the entry "${entry}"`);
  const [, name = "", positionalText, first = "", second] = match;
  const schema = parse(first);
  const other = second === undefined ? undefined : parse(second);
  const args = schema.args.filter((a) => !OMITTED.has(a.name));
  const own = asMethod ? args.slice(1) : args;
  const limit = positionalText === undefined ? undefined : Number(positionalText);
  const isPositional = (a: Argument): boolean =>
    limit === undefined ? !a.keyword : own.indexOf(a) < limit;
  const positional = own.filter(isPositional);
  const options = own.filter((a) => !isPositional(a));
  const differing =
    other === undefined
      ? -1
      : own.findIndex((a) => {
          const twin =
            other.args.find((b) => b.name === a.name) ?? other.args[schema.args.indexOf(a)];
          return twin === undefined || twin.type !== a.type;
        });
  const typeText = (a: Argument): string =>
    own.indexOf(a) === differing ? `${typeOf(a)} | number` : typeOf(a);
  const parameters = positional.map((a, i) => {
    if (!a.optional) return `${argumentName(a.name)}: ${typeText(a)}`;
    // A required parameter may follow: then the optional one has to be passed as undefined.
    const trailing = positional.slice(i).every((b) => b.optional);
    return `${argumentName(a.name)}${trailing ? "?" : ""}: ${typeText(a)}${trailing ? "" : " | undefined"}`;
  });
  const required = options.some((a) => !a.optional);
  if (options.length > 0) {
    const fields = options.map(
      (a) =>
        `${argumentName(a.name)}${a.optional ? "?" : ""}: ${typeText(a)}${a.optional ? " | undefined" : ""}`,
    );
    const names = options.map((a) => argumentName(a.name));
    parameters.push(`{ ${names.join(", ")} }: { ${fields.join("; ")} }${required ? "" : " = {}"}`);
  }
  const call = (s: Schema, numeric: boolean): string => {
    const passed = s.args.map((a, i) => {
      if (asMethod && i === 0) return "this.handle";
      if (OMITTED.has(a.name)) return "undefined";
      const position = schema.args.findIndex((b) => b.name === a.name);
      const source = schema.args[position < 0 ? i : position];
      if (source === undefined) return "undefined";
      const expression = argumentName(source.name);
      return numeric && own.indexOf(source) === differing ? expression : pass(a, expression);
    });
    while (passed.at(-1) === "undefined") passed.pop();
    return `native.call(${[constantOf(s.overload), ...passed].join(", ")})`;
  };
  const self = asMethod ? "this" : schema.args[0]?.type === "Tensor" ? "Tensor" : "void";
  const returned = (s: Schema, numeric: boolean): string => {
    if (!s.inPlace) return `return ${wrapResult(s, call(s, numeric))};`;
    if (asMethod) return `${call(s, numeric)};\n  return this;`;
    return `${call(s, numeric)};`;
  };
  const doc = `/** \`${schema.text.replace("aten::", "")}\` */`;
  const differingArgument = own[differing];
  const head = `${asMethod ? "" : "export function "}${name}(${parameters.join(", ")}): ${resultType(schema, self)} {`;
  const body =
    other === undefined || differingArgument === undefined
      ? `  ${returned(schema, false)}`
      : [
          `  if (typeof ${argumentName(differingArgument.name)} === "number") {`,
          `    ${returned(other, true)}${other.inPlace && !asMethod ? "\n    return;" : ""}`,
          "  }",
          `  ${returned(schema, false)}`,
        ].join("\n");
  return `${doc}\n${head}\n${body}\n}`;
}

const indent = (text: string): string => text.replace(/^(?=.)/gm, "  ");

/** The whole text of ops.gen.ts. */
export function generateOps(): string {
  const lists = JSON.parse(readFileSync(here("../src/torch/ops.json"), "utf8")) as OpLists;
  constants.length = 0;
  const methods = lists.methods.map((entry) => indent(generate(entry, true)));
  const functions = [...lists.functions, ...lists.functional, ...lists.foreach].map((entry) =>
    generate(entry, false),
  );
  return [
    "// Generated by scripts/generate-ops.ts from ops.json and libtorch's own schemas. Never edit: run `npm run ops`.",
    "",
    'import { type Handle, native } from "./binding.ts";',
    'import { type Device, type DType, dtypeCode } from "./dtype.ts";',
    'import type { Generator } from "./random.ts";',
    'import type { Tensor } from "./tensor.ts";',
    'import { handlesOf, wrap, wrapAll } from "./wrap.ts";',
    "",
    ...constants,
    "",
    "/** The operators of libtorch that read as methods; their doc lines are libtorch's schemas. */",
    "export abstract class TensorOps {",
    "  abstract readonly handle: Handle;",
    "",
    methods.join("\n\n"),
    "}",
    "",
    functions.join("\n\n"),
    "",
  ].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(here("../src/torch/ops.gen.ts"), generateOps());
}
