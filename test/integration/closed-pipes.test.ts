import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { PIXART } from "../fixtures/pixart-program.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "pixart-pipes-"));
afterAll(() => rmSync(folder, { recursive: true }));
const COMMAND = PIXART.map((word) => `"${word}"`).join(" ");

/** What is on stderr, and the exit code of the command itself, before the pipe. */
async function piped(command: string, reader: string): Promise<{ code: number; stderr: string }> {
  const script = `${COMMAND} ${command} ${reader}; echo "code \${PIPESTATUS[0]}" >&2`;
  const { stderr } = await promisify(execFile)("bash", ["-c", script], { cwd: ROOT });
  const [, code] = /code (\d+)\n$/.exec(stderr) ?? [];
  return { code: Number(code), stderr: stderr.replace(/code \d+\n$/, "") };
}

describe("a reader that has gone", () => {
  it.each([
    "recipes",
    "config emoji_full",
    "--help",
    "sample --help",
    "simulate --gpus 1 2 4 8 16 32 --json",
    "doctor",
    `sample emoji-demo "a cat" --steps 1 --out ${join(folder, "pictures")}`,
  ])("ends `pixart %s | true` without a word", async (command) => {
    const { code, stderr } = await piped(command, "| true");
    expect(stderr.replace(/^1 picture in .*\n/, "")).toBe("");
    expect([0, 141]).toContain(code); // 0 where all was written before the reader went
  });

  it("ends `pixart recipes | head -1` after the first line", async () => {
    expect(await piped("recipes", "| head -1 > /dev/null")).toMatchObject({ stderr: "" });
  });

  it("of stderr alone keeps a command from nothing", async () => {
    const script = `${COMMAND} sample emoji-demo "a dog" --steps 1 --out ${join(folder, "more")} 2>&1 >/dev/null | true; echo \${PIPESTATUS[0]}`;
    const { stdout, stderr } = await promisify(execFile)("bash", ["-c", script], { cwd: ROOT });
    expect([stdout, stderr]).toEqual(["0\n", ""]);
  });

  it("ends nothing with a stack where an error is told to nobody", async () => {
    const script = `${COMMAND} sample nothing-here "a dog" 2>&1 | true; echo \${PIPESTATUS[0]}`;
    const { stdout, stderr } = await promisify(execFile)("bash", ["-c", script], { cwd: ROOT });
    expect([stdout, stderr]).toEqual(["1\n", ""]);
  });
});

it("tells of a disk that fails behind stdout", async () => {
  const script = `
    import { guardOutput } from ${JSON.stringify(join(ROOT, "src/cli/terminal/output.ts"))};
    guardOutput();
    process.stdout.emit("error", Object.assign(new Error("EIO"), { code: "EIO" }));`;
  const file = join(folder, "eio.mts");
  writeFileSync(file, script);
  const command = `"${process.execPath}" --import tsx ${file} > ${join(folder, "out.json")}; echo $?`;
  const { stdout, stderr } = await promisify(execFile)("bash", ["-c", command], { cwd: ROOT });
  expect([stdout, stderr]).toEqual([
    "1\n",
    "pixart: stdout cannot be written (EIO); send it elsewhere\n",
  ]);
});

describe.runIf(process.platform === "linux")("a full device", () => {
  it.each(["recipes", "config emoji_full", "--help", "simulate --gpus 1 2 --json"])(
    "behind stdout ends `pixart %s` with a sentence",
    async (command) => {
      const { code, stderr } = await piped(command, "> /dev/full");
      expect(code).toBe(1);
      expect(stderr).toBe("pixart: stdout cannot be written (ENOSPC); send it elsewhere\n");
    },
  );

  it("behind both ends it with the exit code alone", async () => {
    expect(await piped("recipes", "> /dev/full 2>&1")).toEqual({ code: 1, stderr: "" });
  });

  it("behind stderr keeps a command from nothing", async () => {
    const out = join(folder, "third");
    const script = `${COMMAND} sample emoji-demo "a pig" --steps 1 --out ${out} 2>/dev/full; echo $?`;
    const { stdout, stderr } = await promisify(execFile)("bash", ["-c", script], { cwd: ROOT });
    expect(stdout).toMatch(new RegExp(`^${out}/.*\\.png\n0\n$`));
    expect(stderr).toBe("");
  });
});
