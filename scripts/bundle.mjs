// Makes dist/bundle/ of what tsc made, and dist/page/ of page/. The bundle: a few files in place of hundreds, each of which Node finds, reads and links by itself. Packages
// stay packages. The folder is as deep as the rooms of src/, so that paths to the package's own files hold in both.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { build as buildPage } from "vite";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const OUT = path.join(DIST, "bundle");
const PAGE_OUT = path.join(DIST, "page");
/** What runs meanwhile still finds its parts. */
const unfinished = (folder) => `${folder}.part`;

/** What programs import: package.json names each one's bundle, and its types, which lie where tsc has put its code. */
const { exports } = JSON.parse(
  fs.readFileSync(new URL("../package.json", import.meta.url), "utf8"),
);
const IMPORTED = Object.values(exports)
  .filter((entry) => typeof entry === "object")
  .map((entry) => [
    path.basename(entry.default, ".js"),
    path.relative("dist", entry.types).replace(/\.d\.ts$/, ".js"),
  ]);

/** By their names in dist/bundle/: that, the command line, and what runs in threads and processes of its own. */
const ENTRIES = {
  ...Object.fromEntries(IMPORTED),
  main: "cli/main.js",
  "pipeline-worker": "pipelines/worker/pipeline-worker.js",
  "lock-beat-worker": "files/locks/lock-beat-worker.js",
  "resample-worker": "images/resample-worker.js",
  "parquet-worker": "data/layouts/parquet/parquet-worker.js",
  "engine-process": "cli/engine-process.js",
  "check-process": "studio/data/check-process.js",
  "prove-resume-process": "training/prove-resume-process.js",
};

fs.rmSync(unfinished(OUT), { recursive: true, force: true });
await build({
  entryPoints: Object.fromEntries(
    Object.entries(ENTRIES).map(([name, file]) => [name, path.join(DIST, file)]),
  ),
  outdir: unfinished(OUT),
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
await buildPage({
  configFile: fileURLToPath(new URL("../page/vite.config.ts", import.meta.url)),
  build: { outDir: unfinished(PAGE_OUT) },
  logLevel: "warn",
});
for (const folder of [OUT, PAGE_OUT]) {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.renameSync(unfinished(folder), folder);
}
