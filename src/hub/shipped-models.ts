import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = modelsFolder();

/** In the package, which is elsewhere where this code was bundled into a program. */
function modelsFolder(): string {
  const own = fileURLToPath(new URL("../../models/", import.meta.url));
  if (existsSync(join(own, "emoji-demo"))) return own;
  const { resolve } = createRequire(import.meta.url);
  try {
    return join(dirname(resolve("pixart/package.json")), "models");
  } catch {
    return own; // not installed: there are none
  }
}

/** The names of the models that come with the package; none where its code was bundled into a program without it. */
export const shippedModels = (): readonly string[] =>
  existsSync(FOLDER)
    ? readdirSync(FOLDER, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
        .sort()
    : [];

/** The folder of a model that comes with the package. */
export const shippedModel = (name: string): string | undefined =>
  shippedModels().includes(name) ? join(FOLDER, name) : undefined;
