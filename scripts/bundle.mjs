// Makes dist/bundle/ of what tsc made, and dist/page/ of page/.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build as buildPage } from "vite";
import { bundleProgram } from "./bundle-program.mjs";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const OUT = path.join(DIST, "bundle");
const PAGE_OUT = path.join(DIST, "page");
/** What runs meanwhile still finds its parts. */
const unfinished = (folder) => `${folder}.part`;

await bundleProgram({ from: DIST, out: unfinished(OUT) });
await buildPage({
  configFile: fileURLToPath(new URL("../page/vite.config.ts", import.meta.url)),
  build: { outDir: unfinished(PAGE_OUT) },
  logLevel: "warn",
});
for (const folder of [OUT, PAGE_OUT]) {
  fs.rmSync(folder, { recursive: true, force: true });
  fs.renameSync(unfinished(folder), folder);
}
