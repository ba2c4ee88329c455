import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { packageFolder, threadScript } from "./package-folder.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

it("finds the package's folder from within", () => {
  expect(join(packageFolder ?? "", "/")).toBe(root);
});

it("finds a thread's script beside its module, and else in the package's bundle", () => {
  const beside = new URL("../locks/lock-beat-worker.js", import.meta.url);
  expect(existsSync(beside)).toBe(true);
  expect(threadScript(beside)).toBe(beside);
  const bundled = pathToFileURL("/somewhere/app/lock-beat-worker.js");
  expect(threadScript(bundled).href).toBe(
    pathToFileURL(join(root, "dist/bundle/lock-beat-worker.js")).href,
  );
});
