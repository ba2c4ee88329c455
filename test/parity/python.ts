import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { execa } from "execa";

const projectPython = fileURLToPath(new URL("../../.pixart/python/bin/python", import.meta.url));

/** The Python that parity tests compare with: `PIXART_PYTHON`, else the project's own under `.pixart/python`. */
export function pythonPath(): string {
  const path = process.env.PIXART_PYTHON ?? projectPython;
  if (!existsSync(path)) {
    throw new Error(
      `Expected Python at ${path} but found nothing. Run "node scripts/setup.mjs --test", or set PIXART_PYTHON to a Python with torch, diffusers, transformers and safetensors.`,
    );
  }
  return path;
}

/**
 * Runs Python code, or a `.py` file, with `input` as JSON on stdin and returns the JSON it leaves on the last
 * line of stdout (`json.dump(result, sys.stdout)`). Throws with stderr where Python fails or prints no JSON.
 */
export async function runPython(script: string, input: unknown): Promise<unknown> {
  const isFile = script.endsWith(".py") && !script.includes("\n");
  const result = await execa(pythonPath(), isFile ? [script] : ["-c", script], {
    input: JSON.stringify(input ?? null),
    reject: false,
    maxBuffer: 1 << 30,
    env: {
      HF_HUB_OFFLINE: "1",
      HF_HUB_DISABLE_TELEMETRY: "1",
      TRANSFORMERS_VERBOSITY: "error",
      PYTHONUTF8: "1",
      PYTHONDONTWRITEBYTECODE: "1",
    },
  });
  const name = isFile ? script : "script";
  if (result.failed) {
    throw new Error(
      `Python ${name} failed (${result.signal ?? `exit code ${result.exitCode}`}):\n${result.stderr}`,
    );
  }
  const answer = result.stdout.trimEnd().split("\n").at(-1) ?? "";
  try {
    return JSON.parse(answer);
  } catch {
    const found = answer === "" ? "nothing" : answer.slice(0, 200);
    throw new Error(
      `Expected JSON on the last line of stdout of Python ${name} but found ${found}\n${result.stderr}`,
    );
  }
}
