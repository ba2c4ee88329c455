import { join } from "node:path";
import { type FuzzJob, type FuzzReport, fuzz } from "./fuzz.ts";
import { Journal } from "./journal.ts";
import { readers } from "./readers.ts";
import type { Report, Shard } from "./sections.ts";

/** Damaged files of each reader before a release. */
const FILES = 20_000;
/** So many are done before they are noted. */
const BATCH = 1_000;

/** Lets every reader read its damaged files; batches that a call before has done are not done again. */
export async function fuzzAll(folder: string, shard: Shard): Promise<Report> {
  const jobs: FuzzJob[] = [];
  for (let first = 0; first < FILES; first += BATCH) {
    for (const { name: reader } of readers) jobs.push({ reader, first, end: first + BATCH });
  }
  const own = jobs.filter((_, i) => i % shard.count === shard.index - 1);
  const journal = new Journal<FuzzJob & FuzzReport>(
    join(folder, `${shard.index}-of-${shard.count}.jsonl`),
  );
  const key = ({ reader, first }: FuzzJob): string => `${reader} ${first}`;
  const done = [...journal.entries];
  const known = new Set(done.map(key));
  const firsts = [...new Set(own.map(({ first }) => first))];
  for (const start of firsts) {
    const batch = own.filter((job) => job.first === start && !known.has(key(job)));
    await fuzz(batch, (report) => {
      const entry = { ...report, first: start, end: start + BATCH };
      journal.append(entry);
      done.push(entry);
      for (const { seed, problem } of report.failures) {
        console.log(`   ${report.reader}, seed ${seed}: ${problem}`);
      }
    });
  }
  const files = done.reduce((sum, entry) => sum + entry.files, 0);
  const accepted = done.reduce((sum, entry) => sum + entry.accepted, 0);
  const slowest = Math.max(...done.map((entry) => entry.slowest));
  return {
    tried: [
      `${files} damaged files for ${readers.length} readers, ${accepted} of them read all the same, the slowest in ${slowest.toFixed(2)} s of processor time`,
    ],
    failures: done.flatMap(({ reader, failures }) =>
      failures.map(({ seed, problem }) => `${reader}, seed ${seed}: ${problem}`),
    ),
  };
}
