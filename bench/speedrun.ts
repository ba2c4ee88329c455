/**
 * From nothing to a fixed target: npx tsx bench/speedrun.ts RECIPE [options] trains a recipe of bench/speedrun/recipes.ts on the
 * demo's things, and writes operations, time and machine to bench/results and the table in docs/speedrun.md. One that was stopped goes
 * on with the same command. Without a recipe: their names, and the table anew.
 * --out FOLDER       work_dirs/speedrun
 * --data FOLDER      what `pixart dataset emoji` made: data/emoji
 * --vae FOLDER       the autoencoder, which is not trained: models/emoji-vae
 * --features FILE    EfficientNet-lite0's weights: the target is then also what is in drawn pictures
 * --seeds 0,1,2
 * --threads N        all of the machine's
 * --budget TFLOP     27; with another nothing is written, to try things out
 * --things N         the demo's; with another nothing is written
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Children } from "./lab/children.ts";
import { TWENTIETHS } from "./lab/design.ts";
import { keepOptions } from "./lab/options.ts";
import { prepare } from "./lab/prepare.ts";
import { replaceBetween } from "./lab/report.ts";
import { RunFiles } from "./lab/run-files.ts";
import { describeMachine, threads as ofMachine } from "./machine.ts";
import { here } from "./processes.ts";
import { BUDGET, RATE, RECIPES, TARGET } from "./speedrun/recipes.ts";
import { type RecipeRecord, readRecords, recordTable, seedRecord } from "./speedrun/record.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: "string", default: "work_dirs/speedrun" },
    data: { type: "string", default: "data/emoji" },
    vae: { type: "string", default: "models/emoji-vae" },
    features: { type: "string" },
    seeds: { type: "string", default: "0,1,2" },
    threads: { type: "string", default: `${ofMachine}` },
    budget: { type: "string", default: `${BUDGET}` },
    things: { type: "string", default: "demo" },
  },
});
const RESULTS = here("results");
const DOCUMENT = here("../docs/speedrun.md");

/** Trains what is not done yet. Undefined where a run failed or was stopped. */
async function run(name: string): Promise<RecipeRecord | undefined> {
  const recipe = RECIPES.find((each) => each.name === name);
  if (recipe === undefined)
    throw new Error(
      `Expected one of ${RECIPES.map((each) => each.name).join(", ")} but received ${name}`,
    );
  const { out, data, vae, features, things } = values;
  const options = {
    data,
    vae,
    things: things === "demo" ? things : Number(things),
    budget: Number(values.budget),
    lr: RATE,
    precision: "float32",
    threads: Number(values.threads),
    points: TWENTIETHS,
    split: "validation",
    features: features ?? null,
  } as const;
  keepOptions(out, options);
  await prepare(out, options);
  const wanted = values.seeds.split(",").map((seed) => ({ design: name, seed: Number(seed) }));
  const resultOf = ({ seed }: { readonly seed: number }) => new RunFiles(out, name, seed).result;
  const open = wanted.filter((each) => resultOf(each) === undefined);
  const failed = await new Children(out, options.threads).run(open, 1);
  if (failed.length > 0) {
    process.stderr.write(`Not done; see ${join(out, "logs")}\n`);
    process.exitCode = 1;
    return undefined;
  }
  return {
    recipe: name,
    what: recipe.what,
    date: new Date().toISOString().slice(0, 10),
    machine: `${describeMachine()}; ${options.threads} used`,
    command: `npx tsx bench/speedrun.ts ${process.argv.slice(2).join(" ")}`,
    target: TARGET,
    budget: options.budget,
    seeds: wanted.flatMap((each) => resultOf(each) ?? []).map(seedRecord),
  };
}

function keep(record: RecipeRecord): void {
  const file = `${record.date}-speedrun-${record.recipe}.json`;
  writeFileSync(join(RESULTS, file), `${JSON.stringify(record, null, 1)}\n`);
}

function writeTable(): void {
  const document = readFileSync(DOCUMENT, "utf8");
  writeFileSync(DOCUMENT, replaceBetween(document, "records", recordTable(readRecords(RESULTS))));
}

const [name] = positionals;
if (name === undefined) {
  for (const { name: each, what } of RECIPES) process.stdout.write(`${each}: ${what}\n`);
  writeTable();
} else {
  const record = await run(name);
  if (record !== undefined) process.stdout.write(`${recordTable([record])}\n`);
  const isOfficial = values.things === "demo" && Number(values.budget) === BUDGET;
  if (record !== undefined && isOfficial) {
    keep(record);
    writeTable();
  }
}
