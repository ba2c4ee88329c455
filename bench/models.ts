/** The random models that rows measure, each made by models.py when it is first asked for. */
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { here, python, runCommand } from "./processes.ts";

/** A small pipeline with a tokenizer. */
export const EXAMPLE: string = here("../models/emoji-demo");

/** Where models lie, and whether they are small ones. */
export interface ModelPlace {
  readonly models: string;
  readonly tiny: boolean;
}

async function made(
  place: ModelPlace,
  name: string,
  make: string,
  given: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const { tiny } = place;
  const folder = join(place.models, `${tiny ? "tiny-" : ""}${name}`);
  if (existsSync(folder)) return folder;
  process.stderr.write(`Making ${name}\n`);
  const unfinished = `${folder}.part`;
  rmSync(unfinished, { recursive: true, force: true });
  const request = { make, folder: unfinished, tiny, given };
  await runCommand(python, [here("models.py")], request);
  renameSync(unfinished, folder);
  return folder;
}

/** PixArt-XL/2 for pictures of this side. */
export const xl2Model = (place: ModelPlace, pixels: 256 | 1024): Promise<string> =>
  made(place, `xl2-${pixels}`, "transformer", { side: pixels / 8 });

/** An autoencoder of Stable Diffusion's size. */
export const vaeModel = (place: ModelPlace): Promise<string> => made(place, "vae", "vae");

/** T5-XXL's encoder, or its first layers. */
export const t5Model = (place: ModelPlace, layers: number): Promise<string> =>
  made(place, `t5-${layers}`, "t5", { layers });

/** All of these for 256 px. */
export async function pipelineModel(place: ModelPlace, layers: number): Promise<string> {
  const parts = {
    transformer: await xl2Model(place, 256),
    vae: await vaeModel(place),
    text_encoder: await t5Model(place, layers),
  };
  return made(place, `pipeline-${layers}`, "pipeline", { example: EXAMPLE, parts });
}
