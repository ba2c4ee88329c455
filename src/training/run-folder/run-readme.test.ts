import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { absolutePlace, readmeCommand, resumeOptions, runReadme } from "./run-readme.ts";

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

it("names the options that no config contains, and no others", () => {
  const command =
    "npx pixart train 'a --gpus 9' --work-dir x --gpus 4 --max-restarts 2 --device 'cuda:1' --no-rehearsal --cfg-options --resume";
  writeFileSync(join(folder, "README.md"), runReadme("mine", command));
  expect(resumeOptions(folder)).toEqual(["--gpus", "4", "--max-restarts", "2", "--no-rehearsal"]);
  expect(resumeOptions(run)).toEqual([]);
  rmSync(join(folder, "README.md"));
  expect(resumeOptions(folder)).toEqual([]);
});

it("tells folders of the place that the run was started in from names on the Hub", () => {
  expect(absolutePlace(run, "data/emoji")).toBe(join(folder, "data", "emoji"));
  expect(absolutePlace(run, "ada/emoji")).toBe("ada/emoji");
  expect(absolutePlace(run, join(folder, "data"))).toBe(join(folder, "data"));
  expect(absolutePlace(folder, "data/emoji")).toBe("data/emoji");
});
