import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { pythonPath } from "../parity/python.ts";

/** Runs a Python script of this folder with the project's Python, which holds the reference packages; gives its stdout. */
export function runPython(script: string, ...args: string[]): string {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return execFileSync(pythonPath(), [path, ...args], {
    encoding: "utf8",
    // Talk on stderr is shown with the error if there is one.
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 2 ** 28,
    env: { ...process.env, HF_HUB_OFFLINE: "1" },
  });
}
