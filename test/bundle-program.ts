import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { bundleProgram } from "../scripts/bundle-program.mjs";

const SRC = fileURLToPath(new URL("../src", import.meta.url));
/** Of this run: another one in this checkout has its own. */
const OUT = fileURLToPath(new URL(`../build/test-program-${process.pid}`, import.meta.url));

/**
 * Vitest's global set-up: bundles the sources for tests that start the command line as a process, because through tsx it takes
 * twice as long to start.
 */
export default async function setup(project: TestProject): Promise<() => void> {
  const bundle = (): Promise<void> => bundleProgram({ from: SRC, out: OUT });
  await bundle();
  project.onTestsRerun(bundle);
  process.env.PIXART_TEST_PROGRAM = OUT;
  return () => rmSync(OUT, { recursive: true, force: true });
}
