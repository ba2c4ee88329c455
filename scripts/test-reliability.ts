// Proves the promises of docs/reliability.md at full counts, which takes hours. Each section is a job of its own: it writes its
// result when it ends, and is skipped where the present sources have one, so that a call that was cut off can be made again.
import { parseArgs } from "node:util";
import { currentCommit, readResults, writeResult } from "../test/reliability/results.ts";
import { sectionFolder, sections } from "../test/reliability/sections.ts";

const USAGE = `npm run test:reliability -- [section…] [--shard i/n] [--again] [--list]
  --shard i/n  of the sections that have many points, every n-th point from the i-th
  --again      also the sections that have a result of these sources
  --list       the sections, and about how many minutes each takes on two idle cores`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shard: { type: "string", default: "1/1" },
    again: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
  },
});
const shard = /^([1-9]\d*)\/([1-9]\d*)$/.exec(values.shard);
const [index, count] = [Number(shard?.[1]), Number(shard?.[2])];
const unknown = positionals.filter((name) => !sections.some((section) => section.name === name));
if (!(index <= count) || unknown.length > 0) {
  console.error(`${USAGE}\nSections: ${sections.map(({ name }) => name).join(" ")}`);
  process.exit(2);
}
if (values.list) {
  for (const { name, minutes } of sections) console.log(`${name.padEnd(14)} ${minutes}`);
  process.exit(0);
}

let failed = 0;
for (const section of sections) {
  if (positionals.length > 0 && !positionals.includes(section.name)) continue;
  const isPart = section.isSharded === true && count > 1;
  const name = isPart ? `${section.name} ${index}/${count}` : section.name;
  const known = readResults().find((result) => result.section === name);
  if (!values.again && known?.commit === currentCommit()) {
    console.log(`== ${name}: done on ${known.date}, ${known.failures.length} failures`);
    failed += known.failures.length;
    continue;
  }
  console.log(`== ${name}: about ${section.minutes} minutes`);
  const start = performance.now();
  const report = await section.run(sectionFolder(section.name), { index, count });
  const minutes = Math.round((performance.now() - start) / 6_000) / 10;
  writeResult(
    { section: name, minutes, ...report },
    sections.map((one) => one.name),
  );
  for (const line of report.tried) console.log(`   ${line}`);
  for (const line of report.failures) console.log(`   FAILED ${line}`);
  failed += report.failures.length;
}
process.exitCode = failed === 0 ? 0 : 1;
