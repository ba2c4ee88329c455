import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { writeTinyDataset } from "../../../test/fixtures/tiny-dataset.ts";
import { pictureKey } from "../runs/addresses.ts";
import { DataChecks } from "./data-checks.ts";
import { DataRoots } from "./data-roots.ts";
import { StudioJobs } from "./studio-jobs.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-checks-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("reads a data set's pictures again that could not be listed once", async () => {
  const data = join(folder, "data");
  const jobs = new StudioJobs();
  const checks = new DataChecks(jobs, new DataRoots([folder]));
  const job = jobs.begin(async () => {}, { folder: data });
  const key = pictureKey("ball-red.png");
  expect(await checks.read(job, key)).toBeUndefined();
  await writeTinyDataset(data);
  expect((await checks.read(job, key))?.length).toBeGreaterThan(0);
});
