import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";

const OPENMOJI = "data/openmoji";
const RENDER_OPENMOJI = `npx pixart dataset emoji ${OPENMOJI} --style openmoji --limit 800`;

/** The folders that the package's recipes read, and the commands that create them, in order. */
const COMMANDS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  "data/emoji": ["npx pixart dataset emoji data/emoji"],
  [OPENMOJI]: [RENDER_OPENMOJI],
  "data/openmoji-parquet": [
    RENDER_OPENMOJI,
    `npx pixart dataset convert ${OPENMOJI} data/openmoji-parquet --to parquet`,
  ],
};

/** Folders that the user fills with pictures. */
const OWN: readonly string[] = ["data/pictures", "data/curriculum", "data/cat_waterpainting"];

/** How to create a missing folder that a recipe of the package reads; undefined for any other folder. */
export function recipeFolderAdvice(location: string): string | undefined {
  const folder = relative(".", resolve(location));
  const commands = COMMANDS[folder];
  if (commands !== undefined) {
    const left = existsSync(OPENMOJI) ? commands.slice(-1) : commands;
    return `make it with: ${left.join(" && ")}`;
  }
  return OWN.includes(folder)
    ? "put your captioned pictures there, or name their folder: --cfg-options dataset.folder=FOLDER"
    : undefined;
}
