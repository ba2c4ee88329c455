import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { ENGINE, mappedAfter } from "../fixtures/mapped-libraries.ts";

it("the process that speaks HTTP maps no library of the engine", async () => {
  expect(await mappedAfter("cli/serve.ts")).not.toMatch(ENGINE);
  expect(await mappedAfter("torch/index.ts")).toMatch(/libtorch/);
});

it("nor does one that looks at runs, whatever of the run folder it imports", async () => {
  const room = "training/run-folder";
  const folder = fileURLToPath(new URL(`../../src/${room}`, import.meta.url));
  const modules = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => `${room}/${name}`);
  expect(modules).toContain(`${room}/run-summary.ts`);
  expect(await mappedAfter(...modules)).not.toMatch(ENGINE);
});
