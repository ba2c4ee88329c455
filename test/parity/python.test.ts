import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runPython } from "./python.ts";

const echo = "import json, sys\njson.dump(json.load(sys.stdin), sys.stdout)";

afterEach(() => vi.unstubAllEnvs());

const server = process.env.PIXART_PYTHON_SERVER;

describe.each(["a fork of the server", "a process of its own"])("runPython in %s", (kind) => {
  beforeEach(() => vi.stubEnv("PIXART_PYTHON_SERVER", kind.includes("fork") ? server : undefined));

  it("carries JSON to Python and back unchanged", async () => {
    const value = { text: 'é 🦊 \0 \n \ud800 "', numbers: [1, 2.5, -3e-7], none: null };
    expect(await runPython(echo, value)).toEqual(value);
  });

  it("carries megabytes", async () => {
    const value = Array.from({ length: 300_000 }, (_, index) => index);
    expect(await runPython(echo, value)).toEqual(value);
  });

  it("runs a file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "pixart-python-"));
    try {
      const path = join(folder, "echo.py");
      await writeFile(path, echo);
      expect(await runPython(path, [7])).toEqual([7]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("takes the last line where a library prints before it", async () => {
    expect(await runPython('print("loading")\nprint("[1]")', null)).toEqual([1]);
  });

  it("does not need the script to read its input", async () => {
    expect(await runPython("print(1)", "x".repeat(5_000_000))).toBe(1);
  });

  it("shows stderr where Python fails", async () => {
    await expect(runPython("raise ValueError('broken on purpose')", null)).rejects.toThrow(
      /^Python script failed \(exit code 1\):\n[\s\S]*ValueError: broken on purpose/,
    );
  });

  it("names the signal that ended Python", async () => {
    await expect(runPython("import os\nos.abort()", null)).rejects.toThrow(
      /^Python script failed \(signal 6\)/,
    );
  });

  it("keeps what a script prints as it ends by itself", async () => {
    await expect(runPython("import sys\nsys.exit('no weights')", null)).rejects.toThrow(
      /^Python script failed \(exit code 1\):\n[\s\S]*no weights/,
    );
    expect(await runPython("import sys\nprint(3)\nsys.exit()", null)).toBe(3);
  });

  it("says what it found where there is no JSON", async () => {
    await expect(runPython("print('not json')", null)).rejects.toThrow(
      /^Expected JSON on the last line of stdout of Python script but found not json/,
    );
    await expect(runPython("pass", null)).rejects.toThrow(/but found nothing/);
  });

  it("fails where there is no Python", async () => {
    vi.stubEnv("PIXART_PYTHON", "/nowhere/python");
    await expect(runPython(echo, null)).rejects.toThrow(
      /^Expected Python at \/nowhere\/python but found nothing\. Run "node scripts\/setup\.mjs --test"/,
    );
  });
});
