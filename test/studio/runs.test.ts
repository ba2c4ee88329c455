import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pictureSize } from "../../src/images/index.ts";
import type {
  Comparison,
  LogPart,
  RunDetails,
  RunLine,
  SampleSet,
  Series,
} from "../../src/studio/api-types.ts";
import { MADE_STAGE, writeMadeRun } from "../fixtures/made-run.ts";
import { CONTROL_KEY, startTestStudio, type TestStudio } from "../fixtures/studio-server.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-studio-"));
const runs = join(folder, "work_dirs");
let studio: TestStudio;
const ids: Record<string, string> = {};

beforeAll(async () => {
  await writeTinyDataset(join(folder, "data"));
  await writeMadeRun(join(runs, "learns"), {
    steps: 400,
    data: join(folder, "data"),
    heldout: { 100: 0.5, 200: 0.4, 300: 0.3 },
    samples: [100, 300],
    hasPictures: true,
    begun: new Date("2026-01-03T00:00:00Z"),
  });
  await writeMadeRun(join(runs, "gone"), { steps: 20, end: null, samples: [10] });
  await writeMadeRun(join(runs, "worse"), {
    steps: 300,
    heldout: { 100: 0.3, 200: 0.36 },
    end: "failed",
    begun: new Date("2026-01-01T00:00:00Z"),
  });
  writeFileSync(join(runs, "learns", "log.txt"), "first\nsecond\nhalf");
  mkdirSync(join(runs, "damaged", "checkpoints"), { recursive: true });
  writeFileSync(join(runs, "damaged", "config.json"), "{");
  mkdirSync(join(folder, "elsewhere"));
  await writeMadeRun(join(folder, "elsewhere", "linked"), { steps: 5 });
  symlinkSync(join(folder, "elsewhere", "linked"), join(runs, "linked"));
  studio = await startTestStudio(folder);
  const { runs: lines } = await studio.get<{ runs: RunLine[] }>("/api/runs");
  for (const { id, name } of lines) ids[name] = id;
});
afterAll(async () => {
  await studio.stop();
  rmSync(folder, { recursive: true });
});

describe("the list of runs", () => {
  it("has those of the folder, the newest first and what can't be read last; a link is none", async () => {
    const { runs: lines, ...rest } = await studio.get<{ runs: RunLine[] }>("/api/runs");
    expect(rest).toEqual({ roots: [runs] });
    expect(lines.map(({ name, state }) => [name, state])).toEqual([
      ["learns", "finished"],
      ["gone", "interrupted"],
      ["worse", "failed"],
      ["damaged", "unreadable"],
    ]);
    expect(lines.at(-1)?.message).toMatch(/Expected JSON/);
  });

  it("tells where each stands", async () => {
    const { runs: lines } = await studio.get<{ runs: RunLine[] }>("/api/runs");
    expect(lines[0]).toMatchObject({
      stages: 1,
      begun: "2026-01-03T00:00:00.000Z",
      secondsLeft: null,
      stage: {
        stage: MADE_STAGE,
        kind: "text-to-image",
        step: 400,
        steps: 400,
        heldout: { step: 300, loss: 0.3 },
        lowestHeldout: { step: 300, loss: 0.3 },
        imagesPerSecond: 82,
        rollbacks: 0,
      },
      sheet: `/api/runs/${ids.learns}/samples/${MADE_STAGE}/300/sheet`,
    });
  });

  it("notices what is appended", async () => {
    const run = join(runs, "gone");
    const time = "2026-01-02T04:00:00.000Z";
    const event = {
      type: "run-end",
      time,
      stage: MADE_STAGE,
      step: 20,
      reason: "stopped",
      message: "SIGINT",
    };
    appendFileSync(join(run, "events.jsonl"), `${JSON.stringify(event)}\n`);
    expect(await studio.get<RunDetails>(`/api/runs/${ids.gone}`)).toMatchObject({
      state: "stopped",
      message: "SIGINT",
      ended: time,
    });
  });
});

describe("a run", () => {
  it("says whether it learns, and what it is made of", async () => {
    const details = await studio.get<RunDetails>(`/api/runs/${ids.learns}`);
    expect(details.verdict).toBe(
      "Learning: held-out loss fell 25 % in the last 100 steps; the newest is the best.",
    );
    expect(details.differences).toContainEqual({ path: "seed", from: 1, to: 7 });
    expect(details.resumeCommand).toBe("cd /somewhere && npx pixart train tiny --resume");
    const seconds = Object.fromEntries(details.time.map((each) => [each.what, each.seconds]));
    expect(seconds.backward).toBeCloseTo(160);
    expect(details).toMatchObject({ facts: null, plan: null, checkpoints: [], canControl: true });
  });

  it("is the newest by `latest`, and no other by any other name", async () => {
    expect((await studio.get<RunDetails>("/api/runs/latest")).id).toBe(ids.learns);
    const headers = { "api-key": CONTROL_KEY };
    for (const id of ["nobody", "learns", "..", "%2e%2e"])
      expect((await studio.ask(`/api/runs/${id}`, { headers })).status, id).toBe(404);
  });

  it("has curves in as many points as are asked for", async () => {
    const query = `stage=${MADE_STAGE}&keys=loss,heldout,heldout/0-249,nothing&points=40`;
    const series = await studio.get<Series>(`/api/runs/${ids.learns}/series?${query}`);
    const { loss, heldout } = series.keys;
    expect(loss?.step).toHaveLength(40);
    expect(loss?.min.every((min, i) => min <= (loss.mean[i] ?? 0))).toBe(true);
    expect(heldout).toMatchObject({ step: [100, 200, 300], mean: [0.5, 0.4, 0.3] });
    expect(series.keys["heldout/0-249"]?.mean).toEqual([0.25, 0.2, 0.15]);
    expect(series.keys.nothing?.step).toEqual([]);
    expect(series.secondsAt.at(-1)).toBe(400);
    expect(series.seconds.at(-1)).toBeCloseTo(400);
    expect(series.imagesPerStep).toBe(12);
    const part = await studio.get<Series>(`/api/runs/${ids.learns}/series?keys=loss&from=11&to=20`);
    expect(part.keys.loss?.step).toEqual(Array.from({ length: 10 }, (_, i) => 11 + i));
  });

  it("has its sheets, and single pictures where it kept them", async () => {
    const { samples } = await studio.get<{ samples: SampleSet[] }>(
      `/api/runs/${ids.learns}/samples`,
    );
    expect(samples.map(({ step }) => step)).toEqual([100, 300]);
    expect(samples[0]?.pictures).toEqual([
      { url: `/api/runs/${ids.learns}/samples/${MADE_STAGE}/100/0`, prompt: "a ball", seed: 7 },
    ]);
    const older = await studio.get<{ samples: SampleSet[] }>(`/api/runs/${ids.gone}/samples`);
    expect(older.samples[0]?.pictures).toEqual([]);
    const headers = { "api-key": CONTROL_KEY };
    for (const [address, type, width] of [
      [samples[0]?.sheet, "image/png", 64],
      [samples[0]?.pictures[0]?.url, "image/png", 64],
      [`${samples[0]?.sheet}?w=48`, "image/webp", 64], // nothing is enlarged
    ] as const) {
      const { status, headers: got, text } = await studio.ask(address ?? "", { headers });
      expect([status, got["content-type"], got["x-content-type-options"]]).toEqual([
        200,
        type,
        "nosniff",
      ]);
      expect((await pictureSize(Buffer.from(text, "latin1"), "answer")).width).toBe(width);
    }
    expect((await studio.ask(`${samples[0]?.sheet}9`, { headers })).status).toBe(404);
  });

  it("has the pictures that it learns worst, where its data set may be looked at", async () => {
    type Worst = {
      pictures: { name: string; caption: string; score: number; url: string | null }[];
      reason: string | null;
    };
    const worst = await studio.get<Worst>(`/api/runs/${ids.learns}/worst`);
    expect(worst.pictures.map(({ name, caption }) => [name, caption])).toEqual([
      ["dot-blue.png", "a dot, blue style"],
      ["ring-red.png", "a ring, red style"],
    ]);
    const scores = worst.pictures.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    const headers = { "api-key": CONTROL_KEY };
    const picture = await studio.ask(worst.pictures[0]?.url ?? "", { headers });
    expect([picture.status, picture.headers["content-type"]]).toEqual([200, "image/webp"]);
    const moved = await studio.get<Worst>(`/api/runs/${ids.worse}/worst`);
    expect(moved.reason).toMatch(/^The data set is no longer there/);
    expect(moved.pictures.map(({ url }) => url)).toEqual([null, null]);
  });

  it("gives a report to keep, which a browser does not open", async () => {
    const { status, headers, text } = await studio.ask(`/api/runs/${ids.learns}/report`, {
      headers: { "api-key": CONTROL_KEY },
    });
    expect(status).toBe(200);
    expect(headers["content-type"]).toMatch(/^text\/html/);
    expect(headers["content-disposition"]).toBe("attachment; filename*=UTF-8''learns.html");
    expect(text).toContain("<h1>learns</h1>");
  });

  it("has what it said, from where the reader stopped", async () => {
    const path = `/api/runs/${ids.learns}/log`;
    const first = await studio.get<LogPart>(path);
    expect(first).toMatchObject({ lines: ["first", "second"], next: 13 });
    appendFileSync(join(runs, "learns", "log.txt"), " done\n");
    expect(await studio.get<LogPart>(`${path}?after=13`)).toEqual({
      lines: ["half done"],
      next: 23,
      source: first.source,
    });
    expect(await studio.get<LogPart>(`/api/runs/${ids.gone}/log`)).toEqual({
      lines: [],
      next: 0,
      source: "",
    });
  });

  it("can be compared with another", async () => {
    const { a, b, differences } = await studio.get<Comparison>(
      `/api/compare?a=${ids.learns}&b=${ids.worse}`,
    );
    expect([a.name, b.name]).toEqual(["learns", "worse"]);
    expect(differences.map(({ path }) => path)).toEqual([
      "dataset.folder",
      `stages.${MADE_STAGE}.steps`,
    ]);
  });
});
