import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { tinyConfig } from "../../../test/fixtures/tiny-config.ts";
import { configFromJson, type ResolvedConfig } from "../../config/index.ts";
import { RgbImage } from "../../images/index.ts";
import { requireFewUnreadable, stageLimit } from "./checks/stage-limit.ts";
import { reportOf } from "./data-report.ts";
import { requireReadable } from "./readable-pictures.ts";
import { loadTrainingData, Pictures, type TrainingData } from "./training-data.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-readable-"));
afterAll(() => rmSync(root, { recursive: true }));

const whole = await RgbImage.filled(16, 16, [9, 8, 7]).encodePng();
/** Found when the data set is listed. */
const empty = new Uint8Array();
/** Found when it is decoded. */
const cut = whole.subarray(0, whole.length - 20);

async function dataset(files: Readonly<Record<string, Uint8Array>>): Promise<TrainingData> {
  const folder = mkdtempSync(join(root, "set-"));
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
    writeFileSync(join(folder, name.replace("png", "txt")), name);
  }
  return loadTrainingData({ folder, things: null, styles: null });
}

const files = (count: number, bytes: Uint8Array, prefix: string): Record<string, Uint8Array> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}.png`, bytes]));

/** An autoencoder's, a class-conditional and a text-to-image stage. */
function config(maxUnreadable: number): ResolvedConfig {
  const tiny = tinyConfig("nowhere");
  const some = { ...tiny, dataset: { ...tiny.dataset, maxUnreadable } };
  return configFromJson(JSON.stringify(some), "tiny");
}

const silent = (): void => {};

it("refuses a data set of which most was unreadable when it was listed", async () => {
  const data = await dataset({ ...files(1, whole, "a"), ...files(9, empty, "b") });
  expect(() => requireFewUnreadable(config(0.05), data)).toThrow(
    "9 of 10 pictures can't be read, more than maxUnreadable 0.05 allows",
  );
  expect(() => requireFewUnreadable(config(0.9), data)).not.toThrow();
  expect(reportOf(data).warnings).toEqual([
    expect.stringMatching(/^Left out: .*b0\.png: .*; and 8 more like it$/),
  ]);
});

it("counts pictures found unreadable in either way together", async () => {
  const data = await dataset({
    ...files(18, whole, "a"),
    ...files(1, empty, "b"),
    ...files(1, cut, "c"),
  });
  requireFewUnreadable(config(0.05), data);
  await expect(requireReadable(config(0.05), data, silent)).rejects.toThrow(
    "2 of 20 pictures can't be read, more than maxUnreadable 0.05 allows",
  );
  expect(await requireReadable(config(0.1), data, silent)).toEqual([
    expect.stringMatching(/^Left out: .*c0\.png: /),
  ]);
});

it("takes the share of all pictures, not of those held out alone", async () => {
  const data = await dataset({
    ...files(95, whole, "train/a"),
    ...files(4, whole, "val/b"),
    ...files(1, cut, "val/c"),
  });
  expect(data.heldout).toHaveLength(5);
  expect(await requireReadable(config(0.05), data, silent)).toHaveLength(1);
});

it("skips an autoencoder's unreadable pictures too", async () => {
  const data = await dataset({ ...files(9, whole, "a"), ...files(1, cut, "a9") });
  const [stage] = config(0.1).stages;
  if (stage?.kind !== "autoencoder") throw new Error("Expected an autoencoder's stage");
  const warnings: string[] = [];
  const told = (share: number) => ({
    limit: stageLimit(config(share), stage, data),
    warn: (message: string) => warnings.push(message),
  });
  const pictures = await Pictures.load(data.train, 8, told(0.1));
  expect(pictures.length).toBe(9);
  expect(pictures.examples).toEqual(data.train.slice(0, 9));
  expect(warnings).toEqual([expect.stringMatching(/^Left out: .*a90\.png: /)]);
  pictures.dispose();
  await expect(Pictures.load(data.train, 8, told(0.05))).rejects.toThrow("1 of 10 pictures");
});
