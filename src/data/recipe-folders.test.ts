import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testHub } from "../../test/integration/hub-fixture.ts";
import { readDataset } from "./read-dataset.ts";

const RENDER = "npx pixart dataset emoji data/openmoji --style openmoji --limit 800";
const CONVERT = "npx pixart dataset convert data/openmoji data/openmoji-parquet --to parquet";

const here = process.cwd();
const top = realpathSync(mkdtempSync(join(tmpdir(), "pixart-recipe-folders-")));
beforeAll(() => process.chdir(top));
afterAll(() => {
  process.chdir(here);
  rmSync(top, { recursive: true });
});

describe("a recipe's folder that is not here", () => {
  it("is told with the command that makes it, before what the Hub says", async () => {
    const { server } = await testHub();
    const { host } = new URL(server.endpoint);
    await expect(readDataset("data/emoji")).rejects.toThrow(
      `no folder or file data/emoji here (make it with: npx pixart dataset emoji data/emoji); as a name on the Hub: ${host} shows no data set of this name`,
    );
    await server.stop();
    await expect(readDataset("data/openmoji-parquet")).rejects.toThrow(
      `no folder or file data/openmoji-parquet here (make it with: ${RENDER} && ${CONVERT}); as a name on the Hub: ${host} could not be reached`,
    );
    mkdirSync("data/openmoji", { recursive: true });
    await expect(readDataset("data/openmoji-parquet")).rejects.toThrow(
      `(make it with: ${CONVERT})`,
    );
    await expect(readDataset("data/pictures")).rejects.toThrow(
      "no folder or file data/pictures here (put your captioned pictures there, or name their folder: --cfg-options dataset.folder=FOLDER)",
    );
  });

  it("is told so however its path is written, without a word over the network", async () => {
    const { server } = await testHub();
    for (const path of ["./data/emoji", "data/emoji/", join(top, "data", "emoji")]) {
      await expect(readDataset(path)).rejects.toThrow(
        `Expected an existing folder or file for the data set but received ${JSON.stringify(path)} (make it with: npx pixart dataset emoji data/emoji)`,
      );
    }
    expect(server.requests).toEqual([]);
  });
});
