/**
 * Measures the rows of rows.ts by turns and writes them to a file after each: npx tsx bench/gpu/measure-rows.ts FILE [options] [ROW…].
 * gpu.sh calls it. The exit code is 1 where a row failed.
 * --device D   cuda unless given
 * --seconds N  rows that want more than is left are not begun
 * --tiny       small models, for trying this out
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { endProcesses, python, runCommand } from "../processes.ts";
import { RandomModels } from "./models.ts";
import { type GpuResult, writeResults } from "./results.ts";
import { type GpuContext, type GpuRow, gpuRows } from "./rows.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    device: { type: "string", default: "cuda" },
    seconds: { type: "string", default: "240" },
    tiny: { type: "boolean", default: false },
  },
});

const [file, ...names] = positionals;
if (file === undefined) throw new Error("Expected a file for the results");
const unknown = names.filter((name) => gpuRows.every((row) => row.name !== name));
if (unknown.length > 0)
  throw new Error(`Expected names of rows but received ${unknown.join(", ")}`);
const chosen = names.length === 0 ? gpuRows : gpuRows.filter(({ name }) => names.includes(name));

const versionOf = async (module: string): Promise<string | undefined> => {
  const code = `import ${module}; print("${module}", ${module}.__version__)`;
  try {
    return (await runCommand(python, ["-c", code])).stdout.trim();
  } catch {
    return undefined;
  }
};

/** What went wrong, without the lines that lead to it. */
const lastLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).trimEnd().split("\n").at(-1) ?? "";

async function measure(row: GpuRow, context: GpuContext, left: number): Promise<GpuResult> {
  const { name, what, rounds, pictures, least } = row;
  const told = { name, what, rounds, pictures, flops: row.flops?.(context) };
  if (!context.tiny && left < least)
    return {
      ...told,
      measured: [],
      reason: `${Math.floor(left)} s were left, and it takes ${least}`,
    };
  if (row.isOfDiffusers && !context.hasDiffusers)
    return { ...told, measured: [], reason: "Python has no diffusers" };
  mkdirSync(context.scratch);
  try {
    const measured = await row.measure(context);
    return { ...told, measured };
  } catch (error) {
    process.exitCode = 1;
    process.stderr.write(`${name}: ${error instanceof Error ? error.stack : error}\n`);
    return { ...told, measured: [], reason: lastLine(error) };
  } finally {
    rmSync(context.scratch, { recursive: true });
  }
}

async function measureAll(results: string, folder: string): Promise<void> {
  const end = performance.now() / 1000 + Number(values.seconds);
  const found = await Promise.all(["torch", "diffusers", "transformers"].map(versionOf));
  const versions = found.filter((each) => each !== undefined).join(", ");
  const { device, tiny } = values;
  const hasDiffusers = found[1] !== undefined;
  if (!hasDiffusers) process.stderr.write(`${python} has no diffusers: ours is measured alone\n`);
  const models = new RandomModels(join(folder, "models"), tiny);
  const rows: GpuResult[] = [];
  for (const row of chosen) {
    const left = end - performance.now() / 1000;
    process.stderr.write(`${row.name}, ${Math.floor(left)} s left\n`);
    const scratch = join(folder, row.name);
    const { rounds } = row;
    rows.push(await measure(row, { device, models, scratch, rounds, tiny, hasDiffusers }, left));
    writeResults(results, { device, tiny, versions, rows });
  }
}

const folder = mkdtempSync(join(tmpdir(), "pixart-gpu-rows-"));
const remove = (): void => rmSync(folder, { recursive: true, force: true });
process.on("SIGTERM", () => {
  endProcesses();
  remove();
  process.exit(143);
});
try {
  await measureAll(file, folder);
} finally {
  remove();
}
