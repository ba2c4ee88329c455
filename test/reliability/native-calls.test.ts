import { expect, it } from "vitest";
import { callNative } from "./run-native.ts";

// A release is checked with 1,000 of each under AddressSanitizer: npm run test:reliability -- native
const CALLS = 60;
/** Without a GPU there is nothing that these take; and a heartbeat ends the process where nobody answers it. */
const REFUSED = [
  ...["setDevice", "deviceMemory", "ncclGroup"],
  ...["heartbeatNew", "heartbeatArrive", "heartbeatStop"],
  ...["graphNew", "graphBegin", "graphEnd", "graphLeave", "graphReplay", "graphFree"],
];

it(`${CALLS} calls of each native function with arguments of all kinds end in a result or an error`, async () => {
  const reports = await callNative(CALLS);
  expect(reports.length).toBeGreaterThan(60);
  const failures = reports.flatMap(({ reader, failures: found }) =>
    found.map((failure) => ({ reader, ...failure })),
  );
  expect(failures).toEqual([]);
  expect(reports.map(({ files }) => files)).toEqual(reports.map(() => CALLS));
  const neverRight = reports.filter(({ accepted }) => accepted === 0).map(({ reader }) => reader);
  expect(neverRight.filter((name) => !REFUSED.includes(name))).toEqual([]);
}, 600_000);
