import { existsSync } from "node:fs";
import { connect } from "node:net";
import { constants } from "node:os";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { execa } from "execa";

const projectPython = fileURLToPath(new URL("../../.pixart/python/bin/python", import.meta.url));

/** Whether there is a Python to compare with. */
export const hasPython = (): boolean => existsSync(process.env.PIXART_PYTHON ?? projectPython);

/** The Python that parity tests compare with: `PIXART_PYTHON`, else the project's own under `.pixart/python`. */
export function pythonPath(): string {
  const path = process.env.PIXART_PYTHON ?? projectPython;
  if (!hasPython()) {
    throw new Error(
      `Expected Python at ${path} but found nothing. Run "node scripts/setup.mjs --test", or set PIXART_PYTHON to a Python with torch, diffusers, transformers and safetensors.`,
    );
  }
  return path;
}

/** Environment of all Python that tests run. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  HF_HUB_OFFLINE: "1",
  HF_HUB_DISABLE_TELEMETRY: "1",
  TRANSFORMERS_VERBOSITY: "error",
  PYTHONUTF8: "1",
  PYTHONDONTWRITEBYTECODE: "1",
};

interface PythonEnd {
  /** Negative for a signal. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs Python code, or a `.py` file, with `input` as JSON on stdin and returns the JSON it leaves on the last
 * line of stdout (`json.dump(result, sys.stdout)`). Throws with stderr where Python fails or prints no JSON.
 */
export async function runPython(script: string, input: unknown): Promise<unknown> {
  const isFile = script.endsWith(".py") && !script.includes("\n");
  const path = pythonPath();
  const server = process.env.PIXART_PYTHON_SERVER;
  const { code, stdout, stderr } =
    server === undefined || hasChanged()
      ? await inProcess(path, isFile ? [script] : ["-c", script], input)
      : await onServer(server, script, input);
  const name = isFile ? script : "script";
  if (code !== 0) {
    const how = code < 0 ? `signal ${-code}` : `exit code ${code}`;
    throw new Error(`Python ${name} failed (${how}):\n${stderr}`);
  }
  const answer = stdout.trimEnd().split("\n").at(-1) ?? "";
  try {
    return JSON.parse(answer);
  } catch {
    const found = answer === "" ? "nothing" : answer.slice(0, 200);
    throw new Error(
      `Expected JSON on the last line of stdout of Python ${name} but found ${found}\n${stderr}`,
    );
  }
}

/** Variables that packages read when they are loaded. */
const readEarly = (): string =>
  JSON.stringify(
    Object.entries(process.env).filter(([name]) => /^(HF_|PIXART_PYTHON$)/.test(name)),
  );

const early = readEarly();

/** Whether a test has set one of those since. */
const hasChanged = (): boolean => readEarly() !== early;

async function inProcess(
  path: string,
  args: readonly string[],
  input: unknown,
): Promise<PythonEnd> {
  const result = await execa(path, [...args], {
    input: JSON.stringify(input ?? null),
    reject: false,
    maxBuffer: 1 << 30,
    env: ENVIRONMENT,
  });
  const { exitCode, signal, stdout, stderr } = result;
  if (exitCode === undefined && signal === undefined) throw result; // it did not start
  return { code: exitCode ?? -constants.signals[signal ?? "SIGKILL"], stdout, stderr };
}

/** In a fork of test/parity/python-server.py, which has loaded the packages already. */
async function onServer(address: string, script: string, input: unknown): Promise<PythonEnd> {
  const socket = connect(address);
  socket.write(`${JSON.stringify({ script, input: input ?? null })}\n`);
  return JSON.parse(await text(socket)) as PythonEnd;
}
