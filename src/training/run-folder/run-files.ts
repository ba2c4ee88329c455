import { parseTemporaryName } from "../../files/temporary-name.ts";

/** The config of a run, as the run itself writes it. */
export const CONFIG_FILE = "config.json";
/** What the run's config file held when it began. */
export const RECIPE_FILE = "recipe.json";
/** What tells this run from all others. */
export const IDENTITY_FILE = "run.json";
export const README_FILE = "README.md";

/** The tokenizer, where it is made from the run's captions. */
export const TOKENIZER_FOLDER = "tokenizer";

const OWN: readonly string[] = [CONFIG_FILE, RECIPE_FILE, IDENTITY_FILE, README_FILE];

/** Whether a process was killed while it wrote one of these files, by the hidden name that it leaves. */
export const isOwnLeftover = (hidden: string): boolean => {
  const found = parseTemporaryName(hidden);
  return found?.kind === "tmp" && OWN.includes(found.name);
};

/** Whether it is one of these files. */
export const isOwnFile = (name: string): boolean => OWN.includes(name);
