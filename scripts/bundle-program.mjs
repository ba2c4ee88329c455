// The program as a few files in place of hundreds, each of which Node finds, reads and links by itself. Packages stay packages.
import fs from "node:fs";
import path from "node:path";
import { build } from "esbuild";

/** What programs import: package.json names each one's bundle, and its types, which lie where tsc has put its code. */
const { exports } = JSON.parse(
  fs.readFileSync(new URL("../package.json", import.meta.url), "utf8"),
);
const IMPORTED = Object.values(exports)
  .filter((entry) => typeof entry === "object")
  .map((entry) => [
    path.basename(entry.default, ".js"),
    path.relative("dist", entry.types).replace(/\.d\.ts$/, ""),
  ]);

/** By their names in the bundle: that, the command line, and what runs in threads and processes of its own. */
const ENTRIES = {
  ...Object.fromEntries(IMPORTED),
  main: "cli/main",
  "pipeline-worker": "pipelines/worker/pipeline-worker",
  "lock-beat-worker": "files/locks/lock-beat-worker",
  "resample-worker": "images/resample-worker",
  "parquet-worker": "data/layouts/parquet/parquet-worker",
  "drawing-process": "cli/drawing-process",
  "check-process": "studio/data/check-process",
  "prove-resume-process": "training/prove-resume-process",
};

/**
 * Bundles the code in `from`, sources or what tsc made of them, into the new folder `out`: two folders below the package's, as the
 * rooms of src/ are, so that paths to the package's own files hold in both.
 * @param {{ from: string; out: string }} folders
 */
export async function bundleProgram({ from, out }) {
  fs.rmSync(out, { recursive: true, force: true });
  await build({
    entryPoints: Object.fromEntries(
      Object.entries(ENTRIES).map(([name, file]) => [name, path.join(from, file)]),
    ),
    outdir: out,
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    keepNames: true, // of classes, which messages show
    logLevel: "warning",
  });
}
