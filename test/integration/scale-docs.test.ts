import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { PIXART_ALPHA } from "../../src/scale/index.ts";
import { pixartHere } from "./in-process.ts";

const docs = readFileSync(new URL("../../docs/scale.md", import.meta.url), "utf8");
const folder = mkdtempSync(join(tmpdir(), "pixart-scale-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A command of the page, and the table under it. */
const shown = [...docs.matchAll(/```sh\nnpx pixart (.+)\n```\n\n```text\n([\s\S]+?)```/g)].map(
  ([, command = "", output = ""]) => [command, output] as const,
);

describe("docs/scale.md", () => {
  it("has a table under every command", () => {
    expect(shown).toHaveLength(docs.split("```sh\n").length - 1);
    expect(shown.length).toBeGreaterThan(5);
  });

  it.each(shown)("shows what %s prints", async (command, output) => {
    const { stdout } = await pixartHere(...command.split(" "));
    expect(output).toBe(stdout);
  });

  it("shows a recipe that can be simulated", async () => {
    const [, recipe = ""] = /```json\n([\s\S]+?)```/.exec(docs) ?? [];
    const path = join(folder, "small.json");
    writeFileSync(path, recipe);
    const { stdout } = await pixartHere(
      ..."simulate --gpus 8 16 --runs 2 --json --mtbf-hours 700 --recipe".split(" "),
      path,
    );
    const reports = JSON.parse(stdout);
    expect(reports).toHaveLength(2);
    expect(reports[1]).toMatchObject({
      recipe: { name: "small", stages: [{ imagesPerSecond: 120 }] },
      inputs: { gpus: 16, mtbfHours: 700 },
      checkpointBytes: 2.4e9,
    });
    expect(reports[1].assumptions).toContainEqual({
      what: "images/s of one GPU",
      source: "measured on one L4",
    });
  });
});

it("refuses a recipe that it does not know", async () => {
  await expect(pixartHere("simulate", "--gpus", "8", "--recipe", "sdxl")).rejects.toThrow(
    `Expected ${PIXART_ALPHA.name} or a .json file for --recipe but received sdxl`,
  );
});
