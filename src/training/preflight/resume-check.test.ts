import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tinyConfig } from "../../../test/fixtures/tiny-config.ts";
import { configFromJson } from "../../config/index.ts";
import { makeBelow } from "../../files/make-below.ts";
import { DataRecord } from "../dataset/data-record.ts";
import { DATA_FOLDER, recordPath } from "../dataset/run-data.ts";
import { CONFIG_FILE } from "../run-folder/run-files.ts";
import { type Compared, compareRun, type MarkedCheckpoint, requireOwn } from "./resume-check.ts";

const NOTHING = { changedData: false, otherRun: false };
const digest = "a".repeat(64);
const checkpointOf = (id: string): MarkedCheckpoint => ({
  path: `checkpoints/${id}`,
  step: 3,
  stage: "s",
  run: { id, data: digest, config: {} },
});

describe("requireOwn", () => {
  it("asks a run without an identity for one identity in all its checkpoints", () => {
    const [older, newer] = [checkpointOf("older"), checkpointOf("newer")];
    expect(() => requireOwn(undefined, [older, newer, undefined], NOTHING)).toThrow(
      "checkpoints/older: run: expected a checkpoint of this run, newer, but found one that the run older saved; move it away, or continue from it with --accept-other-run",
    );
    const accepted = requireOwn(undefined, [older, newer], { ...NOTHING, otherRun: true });
    expect(accepted).toEqual({
      id: "newer",
      lines: ["checkpoints/older was saved by another run (older)"],
    });
    expect(requireOwn(undefined, [undefined], NOTHING)).toEqual({ id: undefined, lines: [] });
  });
});

describe("compareRun", () => {
  const run = mkdtempSync(join(tmpdir(), "pixart-compare-"));
  beforeAll(() => {
    makeBelow(run, DATA_FOLDER);
    writeFileSync(join(run, CONFIG_FILE), "{}");
  });
  afterAll(() => rmSync(run, { recursive: true }));

  const config = configFromJson(JSON.stringify(tinyConfig("/data")), "tiny.json");
  const compare = (changedData: boolean): Promise<Compared> =>
    compareRun(run, {
      checkpoint: checkpointOf("own"),
      own: config,
      grows: true,
      record: new DataRecord([]),
      location: "/data",
      accepted: { ...NOTHING, changedData },
    });

  it("goes on beyond a record that is damaged or missing where changed data is accepted", async () => {
    const file = recordPath(run, digest);
    const what = 'The data set /data is not what the run was trained on until step 3 of stage "s"';
    for (const reason of [`${file} is missing`, `a file is damaged: ${file}: sha256: expected `]) {
      const said = `${what}: what changed is not known, since ${reason}`;
      await expect(compare(false)).rejects.toThrow(said);
      const { lines } = await compare(true);
      expect(lines).toEqual([expect.stringContaining(said)]);
      writeFileSync(file, "damaged");
    }
  });
});
