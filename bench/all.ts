/**
 * How fast everything is beside Python: npx tsx bench/all.ts [ROW…] [options]. Both sides of a row take turns. Prints a line a row
 * on stdout, NAME and Python's time over ours, and writes bench/results/<date>-all.md (with rows named, <date>-<rows>.md). Linux only.
 * --rounds N     of each row, in place of its own number
 * --keep FOLDER  where the random models stay for the next run; otherwise they are made anew in the temporary folder
 * --t5-layers N  of T5-XXL's 24, where 10 GB of disk or 23 GB of memory are not there
 * --compiled     torch.compile too, which takes minutes a row
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { lackOf, load } from "./machine.ts";
import { endProcesses, here, python, runCommand } from "./processes.ts";
import { type Outcome, report, summary } from "./report.ts";
import { type Row, type RowContext, rows } from "./rows.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string" },
    keep: { type: "string" },
    "t5-layers": { type: "string", default: "24" },
    compiled: { type: "boolean", default: false },
    tiny: { type: "boolean", default: false }, // small models, for trying this out: no report
  },
});

function chosenRows(): readonly Row[] {
  const names = rows.map(({ name }) => name);
  const unknown = positionals.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new Error(`Expected rows among ${names.join(", ")} but received ${unknown.join(", ")}`);
  return positionals.length === 0 ? rows : rows.filter(({ name }) => positionals.includes(name));
}

function countOf(name: "rounds" | "t5-layers"): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  if (!/^[1-9]\d*$/.test(text))
    throw new Error(`Expected a whole number from 1 for --${name} but received ${text}`);
  return Number(text);
}

/** Options that numbers depend on, as they were given. */
const toldOptions = (): string[] => [
  ...(values.rounds === undefined ? [] : [`--rounds ${values.rounds}`]),
  ...(values["t5-layers"] === "24" ? [] : [`--t5-layers ${values["t5-layers"]}`]),
  ...(values.compiled ? ["--compiled"] : []),
];

/** What went wrong, without the lines that lead to it. */
const lastLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).trimEnd().split("\n").at(-1) ?? "";

/** Measures a row in a folder of its own. */
async function measureRow(row: Row, context: RowContext): Promise<Outcome> {
  const { rounds, scratch, tiny } = context;
  const found = { row, rounds, measured: [] };
  mkdirSync(scratch);
  const { needs = {} } = row;
  const wanted = tiny ? { bfloat16: needs.bfloat16 ?? false } : needs;
  const reason = lackOf(wanted, context.models, context.t5Layers);
  if (reason !== undefined) return { ...found, reason };
  try {
    return { ...found, measured: await row.measure(context) };
  } catch (error) {
    process.exitCode = 1;
    process.stderr.write(`${row.name}: ${error instanceof Error ? error.stack : error}\n`);
    return { ...found, reason: lastLine(error) };
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

async function versions(): Promise<string> {
  const code =
    "import diffusers, torch, transformers; print(*(f'{m.__name__} {m.__version__}' for m in (torch, diffusers, transformers)), sep=', ')";
  return (await runCommand(python, ["-c", code])).stdout.trim();
}

async function measureAll(chosen: readonly Row[], folder: string): Promise<void> {
  const models = values.keep === undefined ? join(folder, "models") : resolve(values.keep);
  mkdirSync(models, { recursive: true });
  const [before, outcomes]: [string, Outcome[]] = [load(), []];
  const given = countOf("rounds");
  for (const row of chosen) {
    process.stderr.write(`${row.name}\n`);
    const outcome = await measureRow(row, {
      models,
      scratch: join(folder, row.name),
      rounds: given ?? row.rounds,
      tiny: values.tiny,
      compiled: values.compiled,
      t5Layers: countOf("t5-layers") ?? 24,
    });
    outcomes.push(outcome);
    process.stdout.write(`${summary(outcome)}\n`);
  }
  const date = new Date().toISOString().slice(0, 10);
  const command = ["npx tsx bench/all.ts", ...positionals, ...toldOptions()].join(" ");
  const loads = `Load ${before} before and ${load()} after.`;
  const text = report(outcomes, { date, command, versions: await versions(), loads });
  const name = positionals.length === 0 ? "all" : chosen.map((row) => row.name).join("-");
  if (values.tiny) process.stderr.write(text);
  else writeFileSync(here(`results/${date}-${name}.md`), text);
}

const chosen = chosenRows();
const folder = mkdtempSync(join(tmpdir(), "pixart-bench-"));
const remove = (): void => rmSync(folder, { recursive: true, force: true });
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    endProcesses();
    remove();
    process.exit(signal === "SIGINT" ? 130 : 143);
  });
}
try {
  await measureAll(chosen, folder);
} finally {
  remove();
}
