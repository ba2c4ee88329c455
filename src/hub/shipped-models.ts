import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { packageFolder } from "../files/package/package-folder.ts";

const FOLDER = join(packageFolder ?? ".", "models");

/** The names of the models that come with the package; empty if its code was bundled into a program without them. */
export const shippedModels = (): readonly string[] =>
  packageFolder !== undefined && existsSync(FOLDER)
    ? readdirSync(FOLDER, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
        .sort()
    : [];

/** Those that draw from prompts; the others are parts for training. */
export const shippedPipelines = (): readonly string[] =>
  shippedModels().filter((name) => existsSync(join(FOLDER, name, "model_index.json")));

/** The folder of a model that comes with the package. */
export const shippedModel = (name: string): string | undefined =>
  shippedModels().includes(name) ? join(FOLDER, name) : undefined;
