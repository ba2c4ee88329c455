import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ERROR_CODES } from "../../src/errors/index.ts";
import { type ErrorClass, errorsOfSources, RAW } from "./thrown-errors.ts";

const { made, classes, known } = errorsOfSources();
const page = readFileSync(fileURLToPath(new URL("../../docs/errors.md", import.meta.url)), "utf8");

/** Files that make errors of the language's own classes, and why. */
const MAY_BE_RAW: Readonly<Record<string, string>> = {
  "data/layouts/csv-rows.ts": "a SyntaxError, which the reader of tables puts into words",
  "files/reading/python-json.ts":
    "SyntaxErrors as JSON.parse throws them, which readers put into words",
  "files/reading/strict-json.ts":
    "SyntaxErrors as JSON.parse throws them, which readers put into words",
  "files/reading/zip-entries.ts": "a SyntaxError, which becomes a BadFileError at once",
  "images/png-text.ts": "SyntaxErrors, which become an ImageError in the same module",
  "pipelines/worker/sent-error.ts":
    "an error that another thread posted, which gets its class here",
};
/** Classes without a code of this list, and why. */
const WITHOUT_CODE: Readonly<Record<string, string>> = {
  ApiError: "the code is one of OpenAI's",
  EngineFailureError: "caught in the same room, which answers a client in OpenAI's form",
  FileWriteError: "the code is the system's",
  DiskFullError: "the code is the system's",
  NoRawCaption: "caught in the same module",
  PickleEnd: "becomes a BadFileError in the same room",
  PickleRefusal: "becomes a BadFileError in the same room",
  PixartError: "the code is the server's",
};
/** Those of the client, which is a program of its own, and those that are caught where they are thrown. */
const NOT_SENT = new Set(
  Object.keys(WITHOUT_CODE).filter((name) => !/FileWrite|DiskFull/.test(name)),
);

const codesOf = ({ codes, base }: ErrorClass): readonly string[] => {
  const above = classes.find(({ name }) => name === base);
  return codes.length > 0 || above === undefined ? codes : codesOf(above);
};

describe("an error that the product throws", () => {
  it("is of a class with a code", () => {
    const raw = made.filter(({ className }) => RAW.has(className));
    const others = raw.filter(({ file }) => MAY_BE_RAW[file] === undefined);
    expect(
      others.map(({ file, className, wording }) => `${file}: ${className}: ${wording}`),
    ).toEqual([]);
    expect([...new Set(raw.map(({ file }) => file))].sort()).toEqual(
      Object.keys(MAY_BE_RAW).sort(),
    );
  });

  it("has one code of the list", () => {
    const without = classes.filter((each) => codesOf(each).length === 0).map(({ name }) => name);
    expect(without.sort()).toEqual(Object.keys(WITHOUT_CODE).sort());
    const used = new Set(classes.flatMap((each) => codesOf(each)));
    expect([...used].sort()).toEqual(Object.keys(ERROR_CODES).sort());
  });

  it("stays what it is between threads", () => {
    const lost = classes.filter(({ name }) => !known.has(name) && !NOT_SENT.has(name));
    expect(lost.map(({ name }) => name)).toEqual([]);
  });

  it("has the wording that is written down", async () => {
    const byName = new Map(classes.map((each) => [each.name, each]));
    const lines = made.flatMap(({ file, className, code, wording }, i) => {
      const found = byName.get(className);
      const codes = code ?? (found === undefined ? "" : codesOf(found).join(" or "));
      const line = `  ${`${className} ${codes}`.trim()}: ${wording.replaceAll("\n", "\\n")}`;
      return made[i - 1]?.file === file ? [line] : ["", file, line];
    });
    await expect(`${lines.slice(1).join("\n")}\n`).toMatchFileSnapshot("error-wordings.txt");
  });
});

describe("docs/errors.md", () => {
  /** Not what follows "a" or "with": their bases and fields. */
  const CLASS = /(?<!\b(?:an?|with|and) )`(\w+)`/g;
  const rows = [...page.matchAll(/^\| `(ERR_\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)];

  it("has a row of each code", () => {
    expect(rows.map(([, code]) => code)).toEqual(Object.keys(ERROR_CODES));
  });

  it("names the classes that have it", () => {
    for (const [, code = "", names = ""] of rows) {
      const having = classes.filter((each) => codesOf(each).includes(code));
      const named = [...names.matchAll(CLASS)].map(([, name = ""]) => name);
      expect(named.sort(), code).toEqual(having.map(({ name }) => name).sort());
    }
  });
});
