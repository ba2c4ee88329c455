import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { MADE_STAGE, writeMadeRun } from "../../../test/fixtures/made-run.ts";
import { writeTinyDataset } from "../../../test/fixtures/tiny-dataset.ts";
import { LiveRun } from "../runs/live-run.ts";
import { DataRoots } from "./data-roots.ts";
import { TrainingPictures } from "./training-pictures.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-pictures-"));
const data = join(folder, "data");
afterAll(() => rmSync(folder, { recursive: true }));

async function makeRun(name: string, instancePrompt: string | null): Promise<LiveRun> {
  const path = join(folder, name);
  await writeMadeRun(path, { steps: 5, data });
  const file = join(path, "config.json");
  const config = JSON.parse(readFileSync(file, "utf8"));
  config.dataset.instancePrompt = instancePrompt;
  writeFileSync(file, JSON.stringify(config));
  return new LiveRun({ id: name, path, name }, () => {});
}

const pictures = new TrainingPictures(new DataRoots([data]));
const captions = async (run: LiveRun): Promise<string[]> =>
  (await pictures.worst(run, undefined, 9)).pictures.map(({ caption }) => caption);

it("have the captions of their own run, also where another one has the same folder", async () => {
  await writeTinyDataset(data);
  const [dog, cat, own] = [
    await makeRun("dog", "a photo of sks dog"),
    await makeRun("cat", "a photo of sks cat"),
    await makeRun("own", null),
  ];
  expect(await captions(dog)).toEqual(["a photo of sks dog", "a photo of sks dog"]);
  expect(await captions(cat)).toEqual(["a photo of sks cat", "a photo of sks cat"]);
  expect(await captions(own)).toEqual(["a dot, blue style", "a ring, red style"]);
});

it("have the captions that the folder has now, or had when the run was resumed", async () => {
  const run = await makeRun("own", null);
  expect(await captions(run)).toEqual(["a dot, blue style", "a ring, red style"]);
  const rename = (from: string, to: string): void => {
    const file = join(data, "metadata.jsonl");
    writeFileSync(file, readFileSync(file, "utf8").replaceAll(from, to));
  };
  rename("a dot, blue", "a blue dot, blue");
  utimesSync(data, 1, 1); // as after a file was added to it
  expect(await captions(run)).toEqual(["a blue dot, blue style", "a ring, red style"]);
  rename("a ring, red", "a red ring, red");
  const resume = { type: "resume", time: "2026-01-03T00:00:00.000Z", stage: MADE_STAGE, step: 5 };
  appendFileSync(join(run.place.path, "events.jsonl"), `${JSON.stringify(resume)}\n`);
  expect(await captions(run)).toEqual(["a blue dot, blue style", "a red ring, red style"]);
});
