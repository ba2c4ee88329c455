import { execa } from "execa";
import { expect, it } from "vitest";

/** What a process has mapped after it imported a module of src/. */
async function mapped(module: string): Promise<string> {
  const url = new URL(`../../src/${module}`, import.meta.url).href;
  const code = `await import(${JSON.stringify(url)}); console.log((await import("node:fs")).readFileSync("/proc/self/maps", "utf8"));`;
  const { stdout } = await execa(process.execPath, [
    "--import",
    "tsx",
    "--input-type=module",
    "-e",
    code,
  ]);
  return stdout;
}

it("the process that speaks HTTP maps no library of the engine", async () => {
  expect(await mapped("cli/serve.ts")).not.toMatch(/libtorch|pixart\.node/);
  expect(await mapped("torch/index.ts")).toMatch(/libtorch/);
});
