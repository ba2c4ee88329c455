import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DrawRequest } from "../requests/draw-request.ts";
import { batchKey } from "./batch-key.ts";
import { FairLine } from "./fair-line.ts";
import { Job } from "./job.ts";

/** A job of a client; jobs of one kind can be drawn at once. */
const job = (client: string, count: number, kind = "a"): Job =>
  new Job(client, {
    count,
    model: { name: kind },
    settings: {},
    images: {},
  } as DrawRequest);

const lineOf = (...jobs: readonly Job[]): FairLine => {
  const line = new FairLine();
  for (const one of jobs) line.add(one);
  return line;
};

/** Which pictures each batch has, until nothing waits. */
function drain(line: FairLine, most: number, jobs: readonly Job[]): string[] {
  const batches: string[] = [];
  for (;;) {
    const batch = line.take(() => most, batchKey);
    if (batch.length === 0) return batches;
    batches.push(batch.map(({ job, picture }) => `${jobs.indexOf(job)}:${picture}`).join(" "));
  }
}

describe("the line", () => {
  it("lets clients take turns, however much one of them asks for", () => {
    const jobs = [job("x", 3), job("x", 1), job("y", 1), job("z", 2)];
    expect(drain(lineOf(...jobs), 1, jobs)).toEqual([
      "0:0",
      "2:0",
      "3:0",
      "0:1",
      "3:1",
      "0:2",
      "1:0",
    ]);
  });

  it("puts together what fits, up to a number", () => {
    const jobs = [job("x", 3), job("y", 2), job("z", 1, "b"), job("x", 1)];
    expect(drain(lineOf(...jobs), 4, jobs)).toEqual(["0:0 0:1 0:2 1:0", "1:1 3:0", "2:0"]);
  });

  it("gives pictures back to the front, and alone where that was said", () => {
    const jobs = [job("x", 2), job("x", 2)];
    const line = lineOf(...jobs);
    const [first] = line.take(() => 4, batchKey);
    if (first === undefined) throw new Error("nothing was taken");
    first.job.isAlone = true;
    line.giveBack(first.job, [0, 1]);
    line.giveBack(jobs[1] as Job, [0, 1]);
    expect(drain(line, 4, jobs)).toEqual(["1:0 1:1", "0:0", "0:1"]);
  });

  it("gives every picture once, whatever comes and goes", () => {
    const arrivals = fc.array(
      fc.record({
        client: fc.constantFrom("x", "y", "z"),
        count: fc.integer({ min: 1, max: 5 }),
        kind: fc.constantFrom("a", "b"),
        leaves: fc.boolean(),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 6 }), (all, most) => {
        const line = new FairLine();
        const jobs = all.map(({ client, count, kind }) => job(client, count, kind));
        for (const one of jobs) line.add(one);
        const left = jobs.filter((_, i) => all[i]?.leaves);
        for (const one of left) line.remove(one);
        const stay = jobs.filter((one) => !left.includes(one));
        const wanted = stay.flatMap((one) => one.waiting.map((i) => `${jobs.indexOf(one)}:${i}`));
        expect(line.pictures).toBe(wanted.length);
        const given = drain(line, most, jobs);
        for (const batch of given) {
          const kinds = batch.split(" ").map((name) => all[Number(name.split(":")[0])]?.kind);
          expect(new Set(kinds).size).toBe(1);
          expect(kinds.length).toBeLessThanOrEqual(most);
        }
        expect(given.join(" ").split(" ").filter(Boolean).sort()).toEqual(wanted.sort());
        expect(line.pictures).toBe(0);
      }),
    );
  });
});
