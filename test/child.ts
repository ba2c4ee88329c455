import { fileURLToPath } from "node:url";
import { execa } from "execa";

/** How a child process ended. */
export interface Ending {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** What {@link runChild} may be told. */
export interface ChildOptions {
  readonly args?: readonly string[];
  /** Options of Node itself. */
  readonly node?: readonly string[];
  /** Added to this process's own; undefined takes one out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Called with the process once it has written to stdout. */
  readonly onOutput?: (child: { kill(signal: NodeJS.Signals): unknown }) => void;
}

/** Runs a TypeScript file in a Node process of its own, and says how that ended. */
export async function runChild(
  script: URL,
  { args = [], node = [], env = {}, onOutput }: ChildOptions = {},
): Promise<Ending> {
  const child = execa(
    process.execPath,
    [...node, "--import", "tsx", fileURLToPath(script), ...args],
    {
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      env,
      reject: false,
      timeout: 60_000,
    },
  );
  if (onOutput !== undefined) child.stdout.once("data", () => onOutput(child));
  const { exitCode, signal, stdout, stderr } = await child;
  return { exitCode, signal, stdout, stderr };
}
