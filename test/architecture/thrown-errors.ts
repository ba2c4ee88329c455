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

const CODE = /ERR_[A-Z_]+/g;
const isErrorName = (name: string): boolean => /(Error|Refusal)$/.test(name);

/** What makes an error of its arguments, the last being what was received, by the module that it is imported from. */
const HELPERS: readonly (readonly [name: string, module: RegExp, className: string])[] = [
  ["expected", /errors\/(index|expected)\.ts$/, "InvalidValueError"],
  ["expectedType", /errors\/(index|expected)\.ts$/, "InvalidTypeError"],
  ["expected", /\/mistakes\.ts$/, "ConfigError"],
  ["expectedNo", /errors\/(index|expected)\.ts$/, "InvalidValueError"],
];

const WHATEVER = `\${…}`;

/** What a text says, with a mark for what is put in; undefined for what is no text. */
function wordsOf(node: ts.Expression): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node))
    return (
      node.head.text + node.templateSpans.map(({ literal }) => WHATEVER + literal.text).join("")
    );
  if (ts.isParenthesizedExpression(node)) return wordsOf(node.expression);
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken)
    return shown(node.left) + shown(node.right);
  if (ts.isConditionalExpression(node)) {
    const ways = [node.whenTrue, node.whenFalse].map(wordsOf);
    return ways.every((each) => each === undefined)
      ? undefined
      : ways.map((each) => each ?? WHATEVER).join(" / ");
  }
  if (ts.isArrayLiteralExpression(node)) return node.elements.map(shown).join("."); // a place in a config
  if (ts.isSpreadElement(node)) return wordsOf(node.expression);
  if (ts.isCallExpression(node)) return joinedWords(node);
  if (ts.isIdentifier(node)) return constantWords(node);
  return undefined;
}

const shown = (node: ts.Expression): string => wordsOf(node) ?? WHATEVER;

/** The words of `[…].join("\n")`. */
function joinedWords({
  expression,
  arguments: [separator],
}: ts.CallExpression): string | undefined {
  if (!ts.isPropertyAccessExpression(expression) || expression.name.text !== "join")
    return undefined;
  const list = expression.expression;
  if (!ts.isArrayLiteralExpression(list) || separator === undefined) return undefined;
  return list.elements.map(shown).join(shown(separator));
}

/** The words of a constant that stands in a block around its use, or in the module. */
function constantWords({ parent, text }: ts.Identifier): string | undefined {
  for (let at: ts.Node = parent; at !== undefined; at = at.parent) {
    if (!(ts.isBlock(at) || ts.isSourceFile(at) || ts.isCaseClause(at))) continue;
    for (const statement of at.statements) {
      if (!ts.isVariableStatement(statement)) continue;
      const found = statement.declarationList.declarations.find(
        ({ name }) => name.getText() === text,
      );
      if (found?.initializer !== undefined) return wordsOf(found.initializer);
    }
  }
  return undefined;
}

/** The class that a helper makes errors of, where the file imports it. */
function helperClass(name: string, source: ts.SourceFile): string | undefined {
  const from = source.statements.filter(ts.isImportDeclaration).find(({ importClause }) => {
    const named = importClause?.namedBindings;
    return (
      named && ts.isNamedImports(named) && named.elements.some((each) => each.name.text === name)
    );
  });
  const module = from === undefined ? "" : (from.moduleSpecifier as ts.StringLiteral).text;
  return HELPERS.find(([helper, of]) => helper === name && of.test(module))?.[2];
}

function madeBy(file: string, node: ts.Node): MadeError | undefined {
  if (!(ts.isNewExpression(node) || ts.isCallExpression(node))) return undefined;
  const name = node.expression.getText();
  const args = (node.arguments ?? []).filter((each) => !ts.isObjectLiteralExpression(each));
  const helper = ts.isCallExpression(node) ? helperClass(name, node.getSourceFile()) : undefined;
  if (helper !== undefined) {
    const [what = "", whose = "", received = ""] = args.map(shown);
    const wanted = name === "expectedNo" ? `no ${what} ${whose}` : `${what} for ${whose}`;
    const wording = `Expected ${wanted} but received ${received}`;
    return { file, className: helper, code: undefined, wording };
  }
  const isClass = ts.isNewExpression(node) ? isErrorName(name) : RAW.has(name);
  if (!isClass) return madeByCall(file, name, node);
  const codeIn = (each: ts.Expression): string | undefined =>
    each.getText().match(CODE)?.join(" or ");
  const code = args.map(codeIn).find((each) => each !== undefined);
  const texts = args.filter((each) => codeIn(each) === undefined);
  return { file, className: name, code, wording: texts.map(shown).join(" | ") };
}

/** What is thrown by a helper of the module's own, such as `fail("…")`. */
function madeByCall(file: string, name: string, node: ts.Expression): MadeError | undefined {
  if (!ts.isCallExpression(node) || !ts.isThrowStatement(node.parent)) return undefined;
  const texts = node.arguments.map(wordsOf);
  if (texts.every((each) => each === undefined)) return undefined;
  const wording = texts.map((each) => each ?? WHATEVER).join(" | ");
  return { file, className: `${name}()`, code: undefined, wording };
}

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
