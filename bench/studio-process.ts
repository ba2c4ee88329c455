import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { execa } from "execa";

const PROGRAM = fileURLToPath(new URL("../dist/bundle/main.js", import.meta.url));
const KEY = "a-key-of-the-bench";

/** A studio as users start it, of the built program, in a process of its own. */
export interface StudioProcess extends AsyncDisposable {
  readonly pid: number;
  /** With its key, as it is printed. */
  readonly address: string;
  /** Asks with the key that may do everything. */
  readonly ask: (path: string, signal?: AbortSignal) => Promise<Response>;
}

/** Starts one on folders of runs, at a port of the system's choice. Throws if it ends before it listens. */
export async function startStudioProcess(...args: readonly string[]): Promise<StudioProcess> {
  const options = ["studio", ...args, "--port", "0", "--api-key", KEY];
  const server = execa(process.execPath, [PROGRAM, ...options], { reject: false });
  const ended = server.then(({ stderr }): never => {
    throw new Error(`The studio ended: ${stderr}`);
  });
  const [line] = await Promise.race([once(server.stdout, "data"), ended]);
  const address = String(line).trim();
  const headers = { authorization: `Bearer ${KEY}` };
  return {
    pid: server.pid ?? 0,
    address,
    ask: (path, signal) => fetch(new URL(path, address), { headers, signal: signal ?? null }),
    [Symbol.asyncDispose]: async () => {
      server.kill("SIGTERM");
      await server;
    },
  };
}
