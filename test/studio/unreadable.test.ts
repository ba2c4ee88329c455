import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunLine } from "../../src/studio/api-types.ts";
import { MADE_STAGE, writeMadeRun } from "../fixtures/made-run.ts";
import { CONTROL_KEY, startTestStudio, type TestStudio } from "../fixtures/studio-server.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-studio-unreadable-"));
const runs = join(folder, "work_dirs");
const headers = { "api-key": CONTROL_KEY };
let studio: TestStudio;
const ids: Record<string, string> = {};

beforeAll(async () => {
  mkdirSync(join(folder, "data"));
  await writeMadeRun(join(runs, "good"), { steps: 5 });
  await writeMadeRun(join(runs, "losses"), { steps: 5 });
  writeFileSync(join(runs, "losses", "losses", `${MADE_STAGE}.jsonl`), "{");
  await writeMadeRun(join(runs, "config"), { steps: 5 });
  writeFileSync(join(runs, "config", "config.json"), "{");
  await writeMadeRun(join(runs, "events"), { steps: 5 });
  rmSync(join(runs, "events", "events.jsonl"));
  mkdirSync(join(runs, "events", "events.jsonl"));
  await writeMadeRun(join(runs, "checkpoints"), { steps: 5 });
  rmSync(join(runs, "checkpoints", "checkpoints"), { recursive: true });
  mkdirSync(join(runs, "checkpoints", "checkpoints"));
  writeFileSync(join(runs, "checkpoints", "checkpoints", MADE_STAGE), "");
  studio = await startTestStudio(folder);
  const { runs: lines } = await studio.get<{ runs: RunLine[] }>("/api/runs");
  for (const { id, name } of lines) ids[name] = id;
});
afterAll(async () => {
  await studio.stop();
  rmSync(folder, { recursive: true });
});

async function ask(path: string): Promise<{ status: number; code: string; message: string }> {
  const { status, text } = await studio.ask(path, { headers });
  return { status, ...JSON.parse(text).error };
}

describe("a run that can't be read", () => {
  it.each([
    ["config", /^The run config can't be read: .*config\.json.*JSON/],
    ["events", /^The run events can't be read: .*events\.jsonl.*a folder/],
  ])("for its %s says so on every route", async (name, message) => {
    const id = ids[name];
    for (const path of [
      ...["", "/series?stage=a", "/samples?stage=a", "/worst", "/report"],
      ...[`/samples/${MADE_STAGE}/1/sheet`, "/pictures/x"],
    ].map((rest) => `/api/runs/${id}${rest}`))
      expect(await ask(path), path).toMatchObject({
        status: 409,
        code: "run_unreadable",
        message: expect.stringMatching(message),
      });
    for (const [a, b] of [
      [id, ids.good],
      [ids.good, id],
    ])
      expect(await ask(`/api/compare?a=${a}&b=${b}`)).toMatchObject({
        status: 409,
        message: expect.stringMatching(message),
      });
  });

  it("in part says so where that part is shown", async () => {
    expect(await ask(`/api/runs/${ids.checkpoints}`)).toMatchObject({
      status: 409,
      code: "run_unreadable",
      message: expect.stringMatching(/^The run checkpoints can't be read: ENOTDIR/),
    });
    const { pictures, reason } = await studio.get<{ pictures: object[]; reason: string }>(
      `/api/runs/${ids.losses}/worst`,
    );
    expect(pictures).toEqual([]);
    expect(reason).toMatch(
      /^The losses of its pictures can't be read: .*line 1: expected a JSON object/,
    );
    const { models } = await studio.get<{ models: object[] }>("/api/models");
    expect(models.length).toBeGreaterThan(0);
  });
});

it("a folder that can't be read says so", async () => {
  const { readdir } = fs;
  const refuse = (code: string): void => {
    fs.readdir = (() => Promise.reject(Object.assign(new Error(code), { code }))) as never;
    syncBuiltinESMExports();
  };
  const path = join(folder, "data");
  const query = `/api/folders?path=${encodeURIComponent(path)}`;
  try {
    refuse("EACCES");
    expect(await ask(query)).toMatchObject({
      status: 409,
      code: "folder_unreadable",
      message: `The folder ${path} can't be read (EACCES)`,
    });
    refuse("ENOENT"); // removed while it was looked at
    expect(await ask(query)).toMatchObject({ status: 404, code: "folder_not_found" });
  } finally {
    fs.readdir = readdir;
    syncBuiltinESMExports();
  }
});
