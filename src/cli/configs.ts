import { basename } from "node:path";
import { configToJson, loadConfig, type ParsedConfig } from "../config/index.ts";
import { type ListedRecipe, listRecipes } from "../config/list-recipes.ts";
import { shippedModel } from "../hub/index.ts";

/** A recipe of the package, as `pixart recipes --json` gives it. */
interface Recipe {
  readonly name: string;
  /** What it is for: the first sentence of its file's comment. */
  readonly about: string;
  /** The model that it starts from; null if it trains all weights from scratch. */
  readonly base: string | null;
  /** The data set. */
  readonly data: string;
  readonly stages: readonly {
    readonly name: string;
    readonly resolution: number;
    readonly steps: ParsedConfig["stages"][number]["steps"];
  }[];
}

/** `pixart recipes`: what each recipe is for, what it starts from, its data and its stages. */
export async function listConfigs({ json = false }: { readonly json?: boolean }): Promise<void> {
  const recipes = (await listRecipes()).map(recipeOf);
  process.stdout.write(
    json ? `${JSON.stringify(recipes)}\n` : `${recipes.map(describeRecipe).join("\n")}\n`,
  );
}

function recipeOf({ name, about, config }: ListedRecipe): Recipe {
  const { base, transformer, dataset, stages } = config;
  const begins = base ?? ("pretrained" in transformer ? transformer.pretrained : null);
  return {
    name,
    about,
    base: begins !== null && shippedModel(basename(begins)) === begins ? basename(begins) : begins,
    data: dataset.folder,
    stages: stages.map(({ name, resolution, steps }) => ({ name, resolution, steps })),
  };
}

function describeRecipe({ name, about, base, data, stages }: Recipe): string {
  const parts = stages.map(
    (stage) => `${stage.name} ${stage.resolution} px × ${lengthOf(stage.steps)}`,
  );
  return [
    `${name}: ${about}`,
    `  ${base === null ? "from new weights" : `from ${base}`}, on ${data}; ${parts.join(", ")}`,
  ].join("\n");
}

const lengthOf = (steps: Recipe["stages"][number]["steps"]): string =>
  typeof steps === "number" ? `${steps} steps` : `${steps.epochs} epochs`;

/** `pixart config NAME`: the resolved config as JSON. */
export async function printConfig(name: string, overrides: readonly string[] = []): Promise<void> {
  process.stdout.write(configToJson(await loadConfig(name, overrides)));
}
