import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { configToJson, loadConfig } from "../config/index.ts";

/** `pixart configs`: one line a recipe, with its stages. */
export async function listConfigs(): Promise<void> {
  const folder = fileURLToPath(new URL("../../configs/", import.meta.url));
  for (const file of readdirSync(folder).sort()) {
    const config = await loadConfig(`${folder}${file}`);
    const stages = config.stages
      .map((s) => `${s.name} ${s.resolution} px × ${s.steps} steps`)
      .join(", ");
    process.stdout.write(`${basename(file, ".ts")}: ${stages}\n`);
  }
}

/** `pixart config NAME`: the resolved config as JSON. */
export async function printConfig(name: string, overrides: readonly string[] = []): Promise<void> {
  process.stdout.write(configToJson(await loadConfig(name, overrides)));
}
