/** Compiles src/images/resample.wat into src/images/resample-wasm.gen.ts. `npm run wasm` writes the file; a test compares it. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import loadWabt from "wabt";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const SOURCE = here("../src/images/resample.wat");
const TARGET = here("../src/images/resample-wasm.gen.ts");

/** The text of the generated file. */
export async function generateWasm(): Promise<string> {
  const { parseWat } = await loadWabt();
  const parsed = parseWat(SOURCE, readFileSync(SOURCE, "utf8"), { simd: true });
  const base64 = Buffer.from(parsed.toBinary({}).buffer).toString("base64");
  parsed.destroy();
  const lines = base64.match(/.{1,100}/g) ?? [];
  return [
    "// Compiled from resample.wat by `npm run wasm`. Do not edit.",
    "",
    "/** The WebAssembly of resample.wat in base64. */",
    `export const RESAMPLE_WASM: string =\n${lines.map((line) => `  "${line}"`).join(" +\n")};`,
    "",
  ].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(TARGET, await generateWasm());
