import { IncompatibleError } from "../errors/index.ts";
import { adaptersOf } from "../models/adapters/adapter.ts";
import { T5EncoderModel } from "../models/index.ts";
import { LazyModel, loadAdapters, type PixArtAlphaPipeline } from "../pipelines/index.ts";
import type { DrawSettings, NamedPlace } from "../server/engine/engine-messages.ts";

/** Loads adapters under their names, without any effect until {@link applyAdapters} sets their scales. */
export async function addNamedAdapters(
  pipe: PixArtAlphaPipeline,
  places: readonly NamedPlace[],
  onWarning: (message: string) => void,
): Promise<void> {
  for (const { name, place } of places) {
    await loadAdapters(pipe, place, { name, onWarning });
    const { textEncoder } = pipe;
    if (textEncoder instanceof LazyModel && textEncoder.changes > 0) {
      throw new IncompatibleError(
        `Expected an adapter of the transformer alone for ${name}, since the text encoder is loaded for each prompt, but received ${place}`,
      );
    }
  }
  applyAdapters(pipe, []);
}

/** Sets the scales of the named adapters, and disables all others. */
export function applyAdapters(pipe: PixArtAlphaPipeline, wanted: DrawSettings["adapters"]): void {
  const { transformer, textEncoder } = pipe;
  const models = textEncoder instanceof T5EncoderModel ? [transformer, textEncoder] : [transformer];
  for (const adapter of models.flatMap((model) => adaptersOf(model))) {
    const scale = wanted.find(({ name }) => name === adapter.name)?.scale;
    adapter.enabled = scale !== undefined;
    if (scale !== undefined) adapter.scale = scale;
  }
}
