import { writeSync } from "node:fs";

/** Writes all bytes to an open file, however many the system accepts at once. */
export function writeAllSync(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}
