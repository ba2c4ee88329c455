import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { bundleProgram, replaceFolder } from "../scripts/bundle-program.mjs";

const SRC = fileURLToPath(new URL("../src", import.meta.url));
const OUT = fileURLToPath(new URL("../build/test-program", import.meta.url));

/** Bundles the sources for tests that start the command line as a process: through tsx it takes twice as long to start. */
async function bundle(): Promise<void> {
  const unfinished = `${OUT}.${process.pid}`; // other tests may be starting in this checkout
  await bundleProgram({ from: SRC, out: unfinished });
  replaceFolder(unfinished, OUT);
}

/** Vitest's global set-up. */
export default async function setup(project: TestProject): Promise<void> {
  await bundle();
  project.onTestsRerun(bundle);
}
