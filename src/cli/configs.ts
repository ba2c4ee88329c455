import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { type CheckedConfig, configToJson, loadConfig } from "../config/index.ts";

/** `pixart configs`: one line a recipe, with its stages. */
export async function listConfigs(): Promise<void> {
  const folder = fileURLToPath(new URL("../../configs/", import.meta.url));
  // The folder in it holds what several recipes share.
  const files = readdirSync(folder).filter((name) => name.endsWith(".ts"));
  for (const file of files.sort()) {
    const config = await loadConfig(`${folder}${file}`);
    const stages = config.stages
      .map(({ name, resolution, steps }) => `${name} ${resolution} px × ${lengthOf(steps)}`)
      .join(", ");
    process.stdout.write(`${basename(file, ".ts")}: ${stages}\n`);
  }
}

const lengthOf = (steps: CheckedConfig["stages"][number]["steps"]): string =>
  typeof steps === "number" ? `${steps} steps` : `${steps.epochs} epochs`;

/** `pixart config NAME`: the resolved config as JSON. */
export async function printConfig(name: string, overrides: readonly string[] = []): Promise<void> {
  process.stdout.write(configToJson(await loadConfig(name, overrides)));
}
