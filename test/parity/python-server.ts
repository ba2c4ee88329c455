import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ENVIRONMENT, hasPython, pythonPath } from "./python.ts";

/**
 * Vitest's global set-up: starts python-server.py for all tests of a run. It loads nothing before the first script. Where it can't
 * start, each script runs in a Python of its own.
 */
export default async function setup(): Promise<(() => void) | undefined> {
  if (!hasPython()) return undefined;
  const address = join(mkdtempSync(join(tmpdir(), "pixart-python-")), "socket");
  const script = fileURLToPath(new URL("python-server.py", import.meta.url));
  const server = spawn(pythonPath(), [script, address], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...ENVIRONMENT, OMP_NUM_THREADS: "1" },
  });
  const ended = new Promise<undefined>((resolve) => {
    server.once("exit", () => resolve(undefined));
    server.once("error", () => resolve(undefined));
  });
  if ((await Promise.race([once(server.stdout, "data"), ended])) === undefined) return undefined;
  process.env.PIXART_PYTHON_SERVER = address;
  return () => {
    server.stdin.end(); // it removes its folder
  };
}
