import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const src = fileURLToPath(new URL("../../src/", import.meta.url));

/** A place where an error is made. */
export interface MadeError {
  readonly file: string;
  readonly className: string;
  /** Where the place gives it: the class says it elsewhere. */
  readonly code: string | undefined;
  /** The sentence, `${…}` for what is put in; the arguments of a class that makes a sentence of several, with `|` between. */
  readonly wording: string;
}

/** A class of errors. */
export interface ErrorClass {
  readonly file: string;
  readonly name: string;
  readonly base: string;
  /** Those that its field `code` may have; none where it has no such field of its own. */
  readonly codes: readonly string[];
}

/** What the sources, without tests and generated files, say of errors. */
export interface ErrorsOfSources {
  readonly made: readonly MadeError[];
  readonly classes: readonly ErrorClass[];
  /** Classes that stay what they are between threads. */
  readonly known: ReadonlySet<string>;
}

/** Helpers that make an error of `what`, `name` and `received`. */
const HELPERS: ReadonlyMap<string, string> = new Map([
  ["expected", "InvalidValueError"],
  ["expectedType", "InvalidTypeError"],
]);
const CODE = /ERR_[A-Z_]+/g;
const isErrorName = (name: string): boolean => /(Error|Refusal)$/.test(name);

/** The text of a literal, with a mark for what is put in; undefined for all else. */
function literal(node: ts.Expression): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node))
    return (
      node.head.text + node.templateSpans.map(({ literal: { text } }) => `\${…}${text}`).join("")
    );
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken)
    return shown(node.left) + shown(node.right);
  if (ts.isParenthesizedExpression(node)) return literal(node.expression);
  return undefined;
}

const shown = (node: ts.Expression): string => literal(node) ?? `\${…}`;

function madeBy(file: string, node: ts.Node): MadeError | undefined {
  if (!(ts.isNewExpression(node) || ts.isCallExpression(node))) return undefined;
  if (!ts.isIdentifier(node.expression)) return undefined;
  const name = node.expression.text;
  const args = [...(node.arguments ?? [])];
  const helper = ts.isCallExpression(node) ? HELPERS.get(name) : undefined;
  if (helper !== undefined) {
    const [what = "", whose = "", received = ""] = args.map(shown);
    const wording = `Expected ${what} for ${whose} but received ${received}`;
    return { file, className: helper, code: undefined, wording };
  }
  if (!isErrorName(name) || (ts.isCallExpression(node) && !RAW.has(name))) return undefined;
  const [first] = args;
  const code = first === undefined ? undefined : first.getText().match(CODE)?.join(" or ");
  const texts = args.slice(
    code === undefined || literal(first as ts.Expression) === undefined ? 0 : 1,
  );
  const wording = texts
    .filter((each) => !isOptions(each))
    .map(shown)
    .join(" | ");
  return { file, className: name, code, wording };
}

const isOptions = (node: ts.Expression): boolean => ts.isObjectLiteralExpression(node);

/** The language's own, which the product does not throw. */
export const RAW: ReadonlySet<string> = new Set(
  "Error RangeError TypeError SyntaxError ReferenceError EvalError URIError AggregateError".split(
    " ",
  ),
);

function classOf(file: string, node: ts.Node): ErrorClass | undefined {
  if (!ts.isClassDeclaration(node) || node.name === undefined) return undefined;
  const base = node.heritageClauses?.[0]?.types[0]?.expression.getText() ?? "";
  if (!isErrorName(base)) return undefined;
  const field = node.members.find((member) => member.name?.getText() === "code");
  const text = field?.getText() ?? "";
  const type = field && ts.isPropertyDeclaration(field) ? field.type : undefined;
  const codes = text.match(CODE) ?? typeCodes(node.getSourceFile(), type?.getText());
  return { file, name: node.name.text, base, codes: [...new Set(codes)] };
}

/** The codes of a type that the file declares. */
function typeCodes(source: ts.SourceFile, name: string | undefined): readonly string[] {
  const alias = source.statements.find(
    (each) => ts.isTypeAliasDeclaration(each) && each.name.text === name,
  );
  return alias?.getText().match(CODE) ?? [];
}

/** Reads all sources. */
export function errorsOfSources(): ErrorsOfSources {
  const made: MadeError[] = [];
  const classes: ErrorClass[] = [];
  const known = new Set<string>();
  const files = readdirSync(src, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".ts") && !/\.(test|gen|d)\.ts$/.test(name))
    .sort();
  for (const file of files) {
    const text = readFileSync(src + file, "utf8");
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
    const visit = (node: ts.Node): void => {
      const error = madeBy(file, node);
      if (error !== undefined) made.push(error);
      const found = classOf(file, node);
      if (found !== undefined) classes.push(found);
      if (ts.isCallExpression(node) && node.expression.getText() === "knownClasses")
        for (const each of node.arguments) known.add(each.getText());
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return { made, classes, known };
}
