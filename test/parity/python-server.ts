import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ENVIRONMENT, hasPython, pythonPath } from "./python.ts";

/**
 * Vitest's global set-up: starts python-server.py for all tests of a run. It loads nothing before the first script.
 */
export default async function setup(): Promise<(() => void) | undefined> {
  if (process.platform !== "linux" || !hasPython()) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "pixart-python-"));
  const address = join(folder, "socket");
  const script = fileURLToPath(new URL("python-server.py", import.meta.url));
  const server = spawn(pythonPath(), [script, address], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...ENVIRONMENT, OMP_NUM_THREADS: "1" },
  });
  await once(server.stdout, "data");
  process.env.PIXART_PYTHON_SERVER = address;
  return () => {
    server.stdin.end();
    rmSync(folder, { recursive: true });
  };
}
