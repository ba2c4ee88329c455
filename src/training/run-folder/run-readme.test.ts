import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { absolutePlace, readmeCommand, runReadme } from "./run-readme.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "pixart-run-readme-")));
const run = join(folder, "elsewhere", "run");
mkdirSync(join(folder, "data", "emoji"), { recursive: true });
mkdirSync(run, { recursive: true });
const cwd = vi.spyOn(process, "cwd").mockReturnValue(folder);
writeFileSync(join(run, "README.md"), runReadme("mine", "npx pixart train mine --resume"));
cwd.mockRestore();
afterAll(() => rmSync(folder, { recursive: true }));

it("names the command that goes on, and where", () => {
  expect(readmeCommand(run)).toEqual({ folder, command: "npx pixart train mine --resume" });
  expect(readmeCommand(folder)).toBeUndefined();
});

it("tells folders of the place that the run was started in from names on the Hub", () => {
  expect(absolutePlace(run, "data/emoji")).toBe(join(folder, "data", "emoji"));
  expect(absolutePlace(run, "ada/emoji")).toBe("ada/emoji");
  expect(absolutePlace(run, join(folder, "data"))).toBe(join(folder, "data"));
  expect(absolutePlace(folder, "data/emoji")).toBe("data/emoji");
});
