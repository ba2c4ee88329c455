import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { writeMadeRun } from "../fixtures/made-run.ts";
import { pixartHere } from "../integration/in-process.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-report-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("is one file that asks for nothing else, and shows names as text", async () => {
  const run = join(folder, "<b>run");
  await writeMadeRun(run, {
    steps: 300,
    heldout: { 100: 0.5, 300: 0.4 },
    samples: [100, 200, 300],
  });
  const { stdout } = await pixartHere("report", run, "--out", join(folder, "run.html"));
  expect(stdout).toBe(`${join(folder, "run.html")}\n`);
  const html = readFileSync(join(folder, "run.html"), "utf8");
  expect(html).toContain("<h1>&lt;b&gt;run</h1>");
  expect(html.match(/<polyline/g)?.length).toBeGreaterThanOrEqual(4);
  expect(html.match(/src="data:image\/webp;base64,/g)).toHaveLength(3);
  expect(html).not.toMatch(
    /(src|href|action)="(?!data:)|url\(|<script|@import|http-equiv="refresh"/,
  );
  expect(html).toContain("Learning: held-out loss fell 20 %");
  expect(html).not.toContain(folder.replaceAll("/", "\\/"));
});

it("needs a run folder", async () => {
  await expect(pixartHere("report", folder)).rejects.toThrow(/is not a run folder/);
});
