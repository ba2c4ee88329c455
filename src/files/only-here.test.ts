import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const src = fileURLToPath(new URL("..", import.meta.url));

/** What may stay outside this room: a file's name and what it takes, and why. */
const ALLOWED: Readonly<Record<string, string>> = {
  "cli/terminal/output.ts: writeSync":
    "only to standard output and standard error, which are open already",
  "data/writing/parquet-writer.ts: fileWriter":
    "the library's own way to disk; only into a staging folder, and its failures are explained",
};

const FS = new Set(["fs", "node:fs", "fs/promises", "node:fs/promises"]);
/** What changes nothing on the disk. Everything else that node:fs has, or will have, counts as a write. */
const READS = new Set(
  `access accessSync close closeSync constants createReadStream existsSync fstat fstatSync lstat lstatSync opendir opendirSync
  read readSync readFile readFileSync readdir readdirSync readlink readlinkSync readv readvSync realpath realpathSync stat
  statSync statfs statfsSync`.split(/\s+/),
);
/** What only reads when it is told so. */
const OPENS = new Set(["open", "openSync"]);
const READ_FLAGS = /^constants\.O_RDONLY( \| constants\.O_NONBLOCK)?$/;
/** Of other packages, what writes files. */
const OTHERS: Readonly<Record<string, readonly string[] | "all">> = {
  "hyparquet-writer": ["fileWriter", "parquetWriteFile"],
  "write-file-atomic": "all",
  "fs-extra": "all",
  "graceful-fs": "all",
  rimraf: "all",
};
/** Methods that write to the path that they are given: sharp's. */
const METHODS = new Set(["toFile"]);

/** Names of what a source takes that makes, writes, renames or removes files; `fs` where it takes the whole module along. */
function writesIn(name: string, text: string): string[] {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const found = new Set<string>();
  const modules = new Set<string>();
  const opens = new Set<string>();

  const take = (imported: string, local: string): void => {
    if (imported === "promises" || imported === "default") modules.add(local);
    else if (OPENS.has(imported)) opens.add(local);
    else if (!READS.has(imported)) found.add(imported);
  };
  const readImport = ({ importClause, moduleSpecifier }: ts.ImportDeclaration): void => {
    const module = ts.isStringLiteral(moduleSpecifier) ? moduleSpecifier.text : "";
    if (importClause === undefined || importClause.phaseModifier === ts.SyntaxKind.TypeKeyword)
      return;
    const { name: whole, namedBindings } = importClause;
    const named =
      namedBindings && ts.isNamedImports(namedBindings)
        ? namedBindings.elements.filter(({ isTypeOnly }) => !isTypeOnly)
        : [];
    const others = OTHERS[module];
    if (others === "all") found.add(module);
    else
      for (const { propertyName, name } of named) {
        const imported = (propertyName ?? name).text;
        if (FS.has(module)) take(imported, name.text);
        else if (others?.includes(imported)) found.add(imported);
      }
    if (!FS.has(module)) return;
    if (whole !== undefined) modules.add(whole.text);
    if (namedBindings && ts.isNamespaceImport(namedBindings)) modules.add(namedBindings.name.text);
  };
  const isReading = (callee: ts.Node): boolean => {
    const call = callee.parent;
    if (!ts.isCallExpression(call) || call.expression !== callee) return false;
    const [, flags] = call.arguments;
    if (flags === undefined) return true;
    return ts.isStringLiteral(flags) ? flags.text === "r" : READ_FLAGS.test(flags.getText(source));
  };
  const readName = (node: ts.Identifier): void => {
    const { parent } = node;
    if (ts.isPropertyAccessExpression(parent) && parent.name === node) {
      if (METHODS.has(node.text)) found.add(node.text);
      return;
    }
    if ((ts.isClassElement(parent) || ts.isTypeElement(parent)) && parent.name === node) return;
    if (opens.has(node.text) && !isReading(node)) found.add(node.text);
    if (!modules.has(node.text)) return;
    const member = ts.isPropertyAccessExpression(parent) ? parent.name.text : "fs";
    const isRead = READS.has(member) || (OPENS.has(member) && isReading(parent));
    if (!isRead) found.add(member);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      readImport(node);
      return;
    }
    // As in require(), import(), getBuiltinModule() and `export … from`.
    if (ts.isStringLiteralLike(node) && FS.has(node.text)) found.add("fs");
    if (ts.isIdentifier(node)) readName(node);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return [...found].sort();
}

describe("the sources", () => {
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter(
    (file) => /\.[cm]?[jt]s$/.test(file) && !/\.test\.ts$/.test(file) && !file.startsWith("files/"),
  );
  const found = files.flatMap((file) =>
    writesIn(file, readFileSync(join(src, file), "utf8")).map((write) => `${file}: ${write}`),
  );

  it("are all looked through", () => {
    expect(files.length).toBeGreaterThan(400);
  });

  it("write, rename and remove files in this room alone", () => {
    expect(found.filter((use) => !Object.hasOwn(ALLOWED, use))).toEqual([]);
  });

  it("still need what they are allowed", () => {
    expect(Object.keys(ALLOWED).filter((use) => !found.includes(use))).toEqual([]);
  });
});

describe("the search", () => {
  it.each([
    ['import { rm } from "node:fs/promises";', ["rm"]],
    ['import { rm as away, stat } from "fs/promises";', ["rm"]],
    ['import { mkdirSync } from "node:fs";', ["mkdirSync"]],
    ['import { somethingNew } from "node:fs";', ["somethingNew"]],
    ['import fs from "node:fs";\nfs.renameSync(a, b);', ["renameSync"]],
    ['import * as files from "node:fs";\nfiles.unlink(a, done);', ["unlink"]],
    ['import * as files from "node:fs";\nfiles["unlink"](a, done);', ["fs"]],
    ['import * as files from "node:fs";\nconst { rm } = files;', ["fs"]],
    ['import { promises } from "node:fs";\nawait promises.cp(a, b);', ["cp"]],
    ['import { promises as p } from "node:fs";\nawait p.symlink(a, b);', ["symlink"]],
    ['import fs from "node:fs";\nawait fs.promises.cp(a, b);', ["promises"]],
    ['import { open } from "node:fs/promises";\nawait open(a, "w");', ["open"]],
    ['import { open } from "node:fs/promises";\nawait open(a, flags);', ["open"]],
    ['import { openSync as o } from "node:fs";\nconst other = o;', ["o"]],
    ['import fs from "node:fs";\nfs.openSync(a, "r+");', ["openSync"]],
    [
      'import fs from "node:fs";\nfs.openSync(a, constants.O_RDONLY | constants.O_CREAT);',
      ["openSync"],
    ],
    ['import { createWriteStream } from "node:fs";', ["createWriteStream"]],
    [
      'import { link, truncate, mkdtemp, rmdir, writeFile } from "node:fs/promises";',
      ["link", "mkdtemp", "rmdir", "truncate", "writeFile"],
    ],
    ['const { rm } = await import("node:fs/promises");', ["fs"]],
    ['const fs = require("fs");', ["fs"]],
    ["const fs = process.getBuiltinModule(`node:fs`);", ["fs"]],
    ['export { rm } from "node:fs/promises";', ["fs"]],
    ['export * from "node:fs";', ["fs"]],
    ['import write from "write-file-atomic";', ["write-file-atomic"]],
    ['import { fileWriter } from "hyparquet-writer";', ["fileWriter"]],
    ["await sharp(bytes).png().toFile(path);", ["toFile"]],
  ])("finds %s", (text, names) => {
    expect(writesIn("x.ts", text)).toEqual(names);
  });

  it.each([
    'import { readFileSync, existsSync } from "node:fs";',
    'import type { FileHandle } from "node:fs/promises";',
    'import { type FileHandle, open } from "node:fs/promises";\nawait open(a); await open(a, "r");',
    'import fs from "node:fs";\nfs.statSync(a); fs.openSync(a, "r");',
    'import { open } from "node:fs/promises";\nawait open(a, constants.O_RDONLY | constants.O_NONBLOCK);',
    'import { rm } from "./mine.ts";\nrm(a);',
    "vocabulary.open(a, b); rename(a);",
    'import { open } from "node:fs/promises";\nclass A { static open(): void {} }',
  ])("lets pass %s", (text) => {
    expect(writesIn("x.ts", text)).toEqual([]);
  });
});
