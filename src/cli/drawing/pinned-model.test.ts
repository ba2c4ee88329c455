import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { writeMadeCheckpoint, writeMadeRun } from "../../../test/fixtures/made-run.ts";
import { pinnedModel } from "./pinned-model.ts";

const run = mkdtempSync(join(tmpdir(), "pixart-pinned-"));
afterAll(() => rmSync(run, { recursive: true }));

it("is a run's newest checkpoint, which stays the same while the run goes on", async () => {
  await writeMadeRun(run, { steps: 3 });
  const first = dirname(writeMadeCheckpoint(run, 1));
  const pinned = await pinnedModel({ name: "mine", place: run });
  expect(pinned).toEqual({ name: "mine", place: first });
  writeMadeCheckpoint(run, 2);
  expect(await pinnedModel(pinned)).toEqual(pinned);
});

it("is any other place as it stands", async () => {
  writeFileSync(join(run, "model_index.json"), "{}");
  for (const place of [run, "emoji-demo", "org/name", "/nowhere"])
    expect(await pinnedModel({ name: "a", place })).toEqual({ name: "a", place });
});
