import { RECIPES } from "../speedrun/recipes.ts";
import { ARMS, CONTROLS } from "./arms.ts";
import type { Design } from "./design.ts";

const ALL: readonly Design[] = [...ARMS, ...CONTROLS, ...RECIPES];

/** The arm, control or recipe of this name. Throws where there is none. */
export function designNamed(name: string): Design {
  const found = ALL.find((design) => design.name === name);
  if (found !== undefined) return found;
  throw new Error(
    `Expected one of ${ALL.map((design) => design.name).join(", ")} but received ${name}`,
  );
}
