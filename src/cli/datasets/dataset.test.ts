import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { pixartHere } from "../../../test/integration/in-process.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-dataset-emoji-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("says as JSON what pixart dataset emoji drew", async () => {
  const out = join(folder, "emoji");
  const size = ["--size", "16", "--limit", "3"];
  const { stdout } = await pixartHere(
    "dataset",
    "emoji",
    out,
    ...size,
    "--style",
    "noto",
    "--json",
  );
  expect(JSON.parse(stdout)).toEqual({ folder: out, pictures: 3, things: 3, heldOut: 0 });
});
