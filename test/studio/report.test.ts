import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { runReport } from "../../src/studio/report/run-report.ts";
import { MADE_STAGE, writeMadeRun } from "../fixtures/made-run.ts";
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

it("names no folder and no host, wherever the run's files do", async () => {
  const run = join(folder, "my runs", "a run");
  const other = "gpu1.lab.example";
  const time = "2026-01-02T04:00:00.000Z";
  await writeMadeRun(run, {
    steps: 20,
    data: join(folder, "my pictures"),
    samples: [10],
    end: null,
    more: [
      {
        ...{ type: "resume", time, stage: MADE_STAGE, step: 20 },
        facts: {
          ...{ device: "cpu", host: other, versions: {}, threads: 1, argv: [folder], cwd: folder },
        },
      },
      {
        ...{ type: "run-end", time, stage: MADE_STAGE, step: 20, reason: "failed" },
        message: `${run}/checkpoints: full; the lock ${folder}/my runs/run.lock is held by process 7 on ${hostname()}, then on ${other}`,
      },
    ],
  });
  const config = readFileSync(join(run, "config.json"), "utf8");
  writeFileSync(join(run, "config.json"), config.replace("/nowhere/vae", `${folder}/my vae`));
  const failed = await runReport(run);
  expect(failed).toContain(
    "failed: a run/checkpoints: full; the lock …/run.lock is held by process 7 on a machine, then on a machine",
  );
  expect(failed).toContain("my pictures");
  expect(failed).toContain("my vae");
  const lock = { pid: 7, host: other, boot: null, namespace: null, started: null, since: time };
  writeFileSync(join(run, "run.lock"), JSON.stringify({ ...lock, id: "x" }));
  const elsewhere = await runReport(run);
  expect(elsewhere).toContain("elsewhere: process 7 on a machine");
  for (const html of [failed, elsewhere])
    for (const name of [
      folder,
      dirname(folder),
      `on ${hostname()},`,
      other,
      "/nowhere",
      "/somewhere",
    ])
      expect(html.replaceAll(/base64,[^"]*/g, "").includes(name), name).toBe(false);
});

it("needs a run folder", async () => {
  await expect(pixartHere("report", folder)).rejects.toThrow(/is not a run folder/);
});
