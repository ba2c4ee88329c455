import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Program } from "../studio/start/own-command.ts";

/** How this program is called, for commands that it starts itself. */
export function ownProgram(): Program {
  const extension = extname(import.meta.url);
  const main = fileURLToPath(new URL(`./main${extension}`, import.meta.url));
  // From the sources it takes what this process may have been given by a test runner.
  const loader = extension === ".ts" ? ["--import", import.meta.resolve("tsx")] : [];
  return [process.execPath, ...loader, main];
}
