import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Runs a Python script of this folder with the project's Python, which holds the reference packages; gives its stdout. */
export function runPython(script: string, ...args: string[]): string {
  const python =
    process.env.PIXART_PYTHON ??
    fileURLToPath(new URL("../../.pixart/python/bin/python", import.meta.url));
  if (!existsSync(python)) {
    throw new Error(
      `Expected a Python with safetensors and diffusers at ${python}: run npm run setup -- --test, or set PIXART_PYTHON`,
    );
  }
  const path = fileURLToPath(new URL(script, import.meta.url));
  return execFileSync(python, [path, ...args], {
    encoding: "utf8",
    // Talk on stderr is shown with the error if there is one.
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 2 ** 28,
    env: { ...process.env, HF_HUB_OFFLINE: "1" },
  });
}
