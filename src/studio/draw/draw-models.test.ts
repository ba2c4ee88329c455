import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { MADE_STAGE, writeMadeCheckpoint, writeMadeRun } from "../../../test/fixtures/made-run.ts";
import { MANIFEST_NAME } from "../../training/contract/checkpoint-manifest.ts";
import { Runs } from "../runs/runs.ts";
import { DrawModels } from "./draw-models.ts";

const folder = mkdtempSync(join(realpathSync(tmpdir()), "pixart-draw-models-"));
const checkpoint = (run: string, step: number): string =>
  join(folder, run, "checkpoints", MADE_STAGE, `step-${`${step}`.padStart(8, "0")}`);
let models: DrawModels;

async function writeRun(
  name: string,
  day: number,
  steps: readonly number[],
  createdAt?: string,
): Promise<void> {
  await writeMadeRun(join(folder, name), { steps: 5, begun: new Date(Date.UTC(2026, 0, day)) });
  for (const step of steps) writeMadeCheckpoint(join(folder, name), step, createdAt);
}

beforeAll(async () => {
  await writeRun("red fox", 3, [1, 2]);
  await writeRun("red", 2, [3]);
  await writeRun("empty", 4, []);
  const runs = new Runs([folder]);
  await runs.scan();
  models = new DrawModels(runs);
});
afterAll(() => rmSync(folder, { recursive: true }));

const placeOf = async (name: string | undefined): Promise<string | undefined> =>
  (await models.find(name))?.place;

it("finds the newest checkpoint of a run by all of its name", async () => {
  expect(await placeOf("red fox")).toBe(checkpoint("red fox", 2));
  expect(await placeOf("red")).toBe(checkpoint("red", 3));
  expect(await placeOf("fox")).toBeUndefined();
  expect(await placeOf("empty")).toBeUndefined();
});

it("finds every model that it offers by its own name, and the newest without any", async () => {
  const offered = await models.names();
  expect(offered).toHaveLength(5);
  for (const name of offered) expect((await models.find(name))?.name).toBe(name);
  expect(await placeOf(undefined)).toBe(checkpoint("red fox", 2));
});

it("lists a checkpoint with its stage, since two stages may have the same step", async () => {
  const list = await models.list(new Map());
  expect(list[0]).toMatchObject({ stage: MADE_STAGE, step: 2 });
  expect(list.at(-1)).toMatchObject({ run: null, stage: null, step: null });
});

it("gives the checkpoints of a run that was trained again names of their own", async () => {
  const before = (await models.names())[2] ?? "";
  expect(await placeOf(before)).toBe(checkpoint("red", 3));
  rmSync(join(folder, "red"), { recursive: true });
  await writeRun("red", 2, [3], "2026-01-01T01:00:00.000Z");
  const after = (await models.names())[2] ?? "";
  expect(await placeOf(after)).toBe(checkpoint("red", 3));
  expect(after).not.toBe(before);
  expect(await placeOf(before)).toBeUndefined();
});

it("reads the checkpoints of no other run than the one that is meant", async () => {
  const names = await models.names();
  const pipe = join(checkpoint("red", 3), MANIFEST_NAME);
  rmSync(pipe);
  execFileSync("mkfifo", [pipe]); // a reader waits for a writer
  const found = Promise.all([names[0], "red fox", undefined].map((name) => models.find(name)));
  try {
    const first = await Promise.race([found, sleep(10_000, undefined, { ref: false })]);
    expect(first?.map((model) => model?.place)).toEqual(Array(3).fill(checkpoint("red fox", 2)));
  } finally {
    closeSync(openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK));
    await found;
  }
});
