import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What a section of the reliability tests showed when it last ran to its end. */
export interface Result {
  readonly section: string;
  readonly date: string;
  readonly commit: string;
  readonly machine: string;
  readonly minutes: number;
  /** What was done, with counts. */
  readonly tried: readonly string[];
  /** What broke a promise; empty where nothing did. */
  readonly failures: readonly string[];
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FILE = fileURLToPath(new URL("../../bench/results/reliability.json", import.meta.url));
const DOCUMENT = fileURLToPath(new URL("../../docs/reliability.md", import.meta.url));
const [BEGIN, END] = ["<!-- results: written by npm run test:reliability -->", "<!-- end -->"];

/** The newest commit that changed the sources or the tests; behind a `+` stands the digest of what differs from it. */
export function currentCommit(): string {
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).trim();
  const folders = ["src", "native", "test"];
  const commit = git("log", "-1", "--format=%h", "--abbrev=10", "--", ...folders);
  const added = git("ls-files", "-o", "--exclude-standard", "-z", "--", ...folders)
    .split("\0")
    .filter((name) => name !== "")
    .map((name) => `${name}\n${readFileSync(join(ROOT, name), "utf8")}`);
  const changed = [git("diff", "HEAD", "--", ...folders), ...added].join("");
  if (changed === "") return commit;
  return `${commit}+${createHash("sha256").update(changed).digest("hex").slice(0, 8)}`;
}

export const readResults = (): Result[] =>
  existsSync(FILE) ? (JSON.parse(readFileSync(FILE, "utf8")) as Result[]) : [];

/**
 * Puts a section's result in place of its earlier one, and into the table of docs/reliability.md; one of the whole section also in
 * place of those of its shards.
 * @param names of all sections
 */
export function writeResult(
  result: Omit<Result, "date" | "commit" | "machine">,
  names: readonly string[],
): void {
  const full: Result = {
    ...result,
    date: new Date().toISOString().slice(0, 10),
    commit: currentCommit(),
    machine: `${os.cpus()[0]?.model ?? "unknown"}, ${os.cpus().length} threads, Node ${process.version}`,
  };
  const others = readResults().filter(
    ({ section }) => section !== result.section && section.split(" ")[0] !== result.section,
  );
  const all = [...others, full].sort((a, b) => (a.section < b.section ? -1 : 1));
  writeFileSync(FILE, `${JSON.stringify(all, undefined, 2)}\n`);
  writeTable(all, names);
}

/** A row a result, and one for each section that has none. */
function writeTable(results: readonly Result[], names: readonly string[]): void {
  const text = readFileSync(DOCUMENT, "utf8");
  const [before, rest] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`${DOCUMENT}: no marks`);
  const known = results.map(({ section }) => section.split(" ")[0]);
  const missing = names.filter((name) => !known.includes(name));
  const rows = results.map(({ section, date, commit, minutes, tried, failures }) => {
    const found = failures.length === 0 ? "0" : `${failures.length}: ${failures[0]}`;
    return `| \`${section}\` | ${tried.join("; ")} | ${inCell(found)} | ${date}, ${commit} | ${minutes} |`;
  });
  const head = ["| section | tried | failures | last run | minutes |", "|--|--|--|--|--|"];
  const absent = missing.map((name) => `| \`${name}\` | no complete run recorded | | | |`);
  const table = [...head, ...rows, ...absent].join("\n");
  writeFileSync(DOCUMENT, `${before}${BEGIN}\n${table}\n${END}${after}`);
}

const inCell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
