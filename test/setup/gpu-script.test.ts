import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { forwardFlops, trainingFlops } from "../../bench/gpu/flops.ts";
import { pythonPath } from "../parity/python.ts";
import { temporaryFolder, write } from "./made-up-package.ts";

const SCRIPT = fileURLToPath(new URL("../../bench/gpu.sh", import.meta.url));

interface Report {
  readonly parts: readonly { readonly name: string; readonly code: number | string }[];
  readonly tests: readonly { readonly fullName: string; readonly status: string }[];
  readonly rows?: {
    readonly rows: readonly {
      readonly name: string;
      readonly flops?: number;
      readonly measured: readonly {
        readonly name: string;
        readonly theirs: readonly { readonly seconds: number }[];
        readonly ours: readonly { readonly seconds: number }[];
        readonly error?: number;
        readonly failure?: string;
      }[];
    }[];
  };
}

const run = (args: readonly string[]) =>
  execa("bash", [SCRIPT, ...args], {
    env: { PIXART_PYTHON: pythonPath() },
    reject: false,
    timeout: 280_000,
  });

const reportIn = (out: string): Report =>
  JSON.parse(readFileSync(join(out, "report.json"), "utf8")) as Report;

describe("bench/gpu.sh on a CPU", () => {
  it("tests, measures by turns and reports", async () => {
    const out = join(temporaryFolder(), "out");
    const parts = ["--parts", "tests,rows", "--rows", "product,forward-256"];
    const { exitCode, stderr } = await run([out, "--device", "cpu", "--tiny", ...parts]);
    expect(stderr).toContain("rows: 0");
    expect(exitCode).toBe(0);
    const wanted = ["made.tar.00", "report.json", "report.md", "rows.log", "tests.log"];
    expect(readdirSync(out).toSorted()).toEqual(wanted);
    const made = execFileSync("tar", ["-tf", join(out, "made.tar.00")], { encoding: "utf8" });
    expect(made).toContain("./pictures/bfloat16.png");
    const { parts: ended, tests, rows } = reportIn(out);
    expect(ended.map(({ name, code }) => [name, code])).toEqual([
      ["tests", 0],
      ["rows", 0],
    ]);
    const passed = tests.filter(({ status }) => status === "passed");
    expect(passed.map(({ fullName }) => fullName).join()).toContain("in bfloat16 is near the CPU");
    expect(rows?.rows.map(({ name }) => name)).toEqual(["product", "forward-256"]);
    const [eager, graph] = rows?.rows[1]?.measured ?? [];
    expect([eager?.theirs.length, eager?.ours.length]).toEqual([5, 5]);
    expect(Math.min(...(eager?.ours ?? []).map(({ seconds }) => seconds))).toBeGreaterThan(0);
    expect(eager?.error).toBeLessThan(2e-2);
    // What cannot be there is told and fails nothing.
    expect(graph?.failure).toMatch(/no graphs|device of CUDA/);
    const text = readFileSync(join(out, "report.md"), "utf8");
    expect(text).toMatch(/^\| forward-256 \| eager \| .* × \|/m);
    expect(text).toMatch(/^\| forward-256, eager \| [\d.]+ \(\d+ %\) \| [\d.]+ \(\d+ %\) \|$/m);
  }, 300_000);

  it("goes on after a part that fails, and ends with 1", async () => {
    const out = join(temporaryFolder(), "out");
    const parts = ["--parts", "tests,rows", "--rows", "product"];
    const { exitCode } = await run([out, "--device", "nowhere:0", "--tiny", ...parts]);
    expect(exitCode).toBe(1);
    const { parts: ended, rows } = reportIn(out);
    expect(ended.map(({ name, code }) => [name, code])).toEqual([
      ["tests", 1],
      ["rows", 1],
    ]);
    expect(rows?.rows.map(({ name, measured }) => [name, measured])).toEqual([["product", []]]);
    const text = readFileSync(join(out, "report.md"), "utf8");
    expect(text).toContain("| [tests](tests.log) | FAILED, exit code 1 |");
    expect(text).toContain("| [rows](rows.log) | FAILED, exit code 1 |");
    expect(text).toMatch(/^- \*\*product was not measured\*\*: .*nowhere/m);
  }, 120_000);

  it("tells of a part for which no time is left, and ends with 1", async () => {
    const out = join(temporaryFolder(), "out");
    const part = ["--parts", "train", "--seconds", "12"];
    const { exitCode } = await run([out, "--device", "cpu", ...part]);
    expect(exitCode).toBe(1);
    expect(reportIn(out).parts.map(({ name, code }) => [name, code])).toEqual([
      ["train", "no-time"],
    ]);
    const text = readFileSync(join(out, "report.md"), "utf8");
    expect(text).toContain("| [train](train.log) | no time was left |");
    expect(text).toContain("No model was trained.");
  });

  it("names all that is missing, and begins nothing", async () => {
    const bin = join(temporaryFolder(), "bin");
    mkdirSync(bin);
    for (const tool of ["bash", "dirname", "mkdir", "mktemp", "ls", "rm"]) {
      const found = execFileSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).trim();
      symlinkSync(found, join(bin, tool));
    }
    write(join(bin, "python3"), "#!/bin/bash\nexit 1\n", 0o755);
    const folder = temporaryFolder();
    const { exitCode, stderr } = await execa(join(bin, "bash"), [SCRIPT, join(folder, "out")], {
      env: { PATH: bin, PIXART_PYTHON: join(bin, "python3"), CXX: "no-such-compiler" },
      extendEnv: false,
      reject: false,
    });
    expect(exitCode).toBe(2);
    const list = stderr.split("\n").filter((line) => line.startsWith("  - "));
    const names = ["Node.js 20.19 or newer", "C++ compiler", "CMake", "make or Ninja", "timeout"];
    for (const name of [...names, "an NVIDIA GPU with its driver"])
      expect(list.join("\n")).toContain(name);
    expect(readdirSync(join(folder, "out"))).toEqual([]);
  });

  it.each([
    [[], "Expected a folder for the report: bench/gpu.sh OUT"],
    [["--fast"], "Expected --device, --tiny, --seconds, --parts or --rows but received --fast"],
    [["a", "b"], "Expected one folder but received a and b"],
    [["a", "--seconds", "ten"], "Expected whole seconds for --seconds but received ten"],
    [["a", "--seconds"], "Expected a value for --seconds"],
    [["a", "--parts", "rest"], "Expected parts of build,tests,rows,train but received rest"],
  ])("refuses %j", async (args, message) => {
    const { exitCode, stderr } = await run(args);
    expect(stderr).toBe(`gpu.sh: ${message}`);
    expect(exitCode).toBe(2);
  });

  it("refuses a folder that holds something", async () => {
    const folder = temporaryFolder();
    write(join(folder, "report.md"), "an earlier one");
    const { exitCode, stderr } = await run([folder]);
    expect(stderr).toBe(`gpu.sh: Expected an empty folder but received ${folder}`);
    expect(exitCode).toBe(2);
  });
});

describe("floating-point operations of XL/2", () => {
  const size = { layers: 28, width: 1152, captionTokens: 17, captionWidth: 4096, patch: 2 };

  // torch.utils.flop_counter.FlopCounterMode over diffusers' PixArtTransformer2DModel on meta, torch 2.13.0, diffusers 0.42.1.
  it.each([
    [256, 278_152_151_040],
    [1024, 1_205_822_619_648],
  ])("are those that PyTorch counts at %d tokens", (tokens, counted) => {
    expect(forwardFlops({ ...size, tokens })).toBe(counted);
  });

  it("are three times as many in a training step, four with checkpointing", () => {
    const one = { ...size, tokens: 256 };
    expect(trainingFlops(one, false)).toBe(3 * 278_152_151_040);
    expect(trainingFlops(one, true)).toBe(4 * 278_152_151_040);
  });
});
