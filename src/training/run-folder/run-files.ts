import { parseTemporaryName } from "../../files/temporary-name.ts";

/** The run's current config, written by the run itself. */
export const CONFIG_FILE = "config.json";
/** The run's config file as it was when the run started. */
export const RECIPE_FILE = "recipe.json";
/** Holds the unique identity of the run. */
export const IDENTITY_FILE = "run.json";
export const README_FILE = "README.md";

/** Folder of the checkpoints, by stage. */
export const CHECKPOINTS_FOLDER = "checkpoints";

/** The tokenizer, if it is trained on the run's captions. */
export const TOKENIZER_FOLDER = "tokenizer";

const OWN: readonly string[] = [CONFIG_FILE, RECIPE_FILE, IDENTITY_FILE, README_FILE];

/** Whether a process was killed while writing one of these files, judged by the hidden name that it leaves. */
export const isOwnLeftover = (hidden: string): boolean => {
  const found = parseTemporaryName(hidden);
  return found?.kind === "tmp" && OWN.includes(found.name);
};

/** Whether a name is that of one of these files. */
export const isOwnFile = (name: string): boolean => OWN.includes(name);
