import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { StartPlan } from "../../src/studio/api-types.ts";
import { startTestStudio, type TestStudio } from "../fixtures/studio-server.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-studio-plan-"));
const data = join(folder, "data");
let studio: TestStudio;

beforeAll(async () => {
  await writeTinyDataset(data);
  const [first = "", ...lines] = readFileSync(join(data, "metadata.jsonl"), "utf8").split("\n");
  const uncaptioned = { ...JSON.parse(first), text: "", dense_text: "" };
  writeFileSync(join(data, "metadata.jsonl"), [JSON.stringify(uncaptioned), ...lines].join("\n"));
  studio = await startTestStudio(folder);
});
afterAll(async () => {
  await studio.stop();
  rmSync(folder, { recursive: true });
});

it("a plan has warnings, which are no reason not to begin, apart from its problems", async () => {
  const { status, text } = await studio.post("/api/runs", {
    ...{ name: "mine", folder: data, base: "emoji-demo", goal: "style", minutes: 1, dry: true },
    overrides: { "stages.0.batchSize": "2", threads: "1" },
  });
  expect(status).toBe(200);
  const plan = JSON.parse(text) as StartPlan;
  expect(plan.problems).toEqual([]);
  expect(plan.warnings).toContainEqual(expect.stringMatching(/^1 .* no caption/));
  expect(plan.lines.join("\n")).not.toContain("no caption");
}, 180_000);
