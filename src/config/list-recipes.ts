import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { moduleImporter } from "./import-modules.ts";
import { configOf, loadRecipe } from "./load-config.ts";
import type { ParsedConfig } from "./options/train-config.ts";

/** A recipe of the package. */
export interface ListedRecipe {
  readonly name: string;
  /** Its purpose: the first sentence of the comment in its file. */
  readonly about: string;
  readonly config: ParsedConfig;
}

const FOLDER = fileURLToPath(new URL("../../configs/", import.meta.url));

/** The recipes that come with the package, by name. */
export async function listRecipes(): Promise<ListedRecipe[]> {
  const importer = await moduleImporter();
  const recipes: ListedRecipe[] = [];
  for (const { name, about } of recipeTexts())
    recipes.push({
      name,
      about,
      config: configOf(await loadRecipe(`${FOLDER}${name}.ts`, importer)),
    });
  return recipes;
}

/** The recipes' names and purposes, without loading their configs. */
export const recipeTexts = (): Omit<ListedRecipe, "config">[] =>
  // The subfolder holds what several recipes share.
  readdirSync(FOLDER)
    .filter((name) => name.endsWith(".ts"))
    .sort()
    .map((file) => ({
      name: basename(file, ".ts"),
      about: purposeIn(readFileSync(`${FOLDER}${file}`, "utf8")),
    }));

/** The first sentence of the comment above a recipe. */
function purposeIn(source: string): string {
  const [, comment = ""] = /\/\*\*((?:(?!\*\/).)*)\*\/\s*export default/s.exec(source) ?? [];
  const text = comment.replace(/\s*\n\s*\*\s?/g, " ").trim();
  return /^.*?\.(?=\s|$)/s.exec(text)?.[0] ?? text;
}
