import { existsSync } from "node:fs";
import { join } from "node:path";
import { checkKeys, type Module } from "../../nn/index.ts";
import { BadFileError, readSafetensors } from "../../weights/index.ts";
import { type Adapter, peftKey, WEIGHTS_FILE } from "./adapter.ts";
import { prepareAdapter, refuseUntrainable, train } from "./add-adapter.ts";
import { readAdapterConfig } from "./config-file.ts";

/** How {@link loadAdapter} takes an adapter. */
export interface LoadAdapterOptions {
  /** What it is called here; files don't have it. */
  readonly name?: string | undefined;
  /** Factor on what it adds; 1 if left out. */
  readonly scale?: number | undefined;
  /** Whether it goes on training, which freezes the model's own weights. */
  readonly trainable?: boolean | undefined;
}

/**
 * Puts an adapter on a model that PEFT, or {@link Adapter.save}, wrote as a folder. Its tensors become float32, on the
 * device of their layers. Throws BadFileError for damaged files, and one error each for all options that are not
 * understood and for all missing, unexpected and mis-shaped tensors; the model is then as it was.
 */
export async function loadAdapter(
  model: Module,
  folder: string,
  { name = "default", scale = 1, trainable = false }: LoadAdapterOptions = {},
): Promise<Adapter> {
  const config = readAdapterConfig(folder);
  if (trainable) refuseUntrainable(config);
  const prepared = prepareAdapter(model, name, config);
  using file = readSafetensors(weightsFile(folder));
  const shapes = [...prepared.plans].flatMap(([layer, { tensors }]) =>
    Array.from(tensors, ([key, { shape }]): [string, readonly number[]] => [
      peftKey(layer, key),
      shape,
    ]),
  );
  checkKeys(`${model.constructor.name} as the adapter in ${folder}`, new Map(shapes), {
    keys: () => file.tensors.keys(),
    shape: (key) => file.entry(key).shape,
    tensor: (key) => file.tensor(key),
  });
  const adapter = prepared.attach(
    ({ tensors }, { weight: { device } }, layer) =>
      new Map(
        Array.from(tensors.keys(), (key) => [
          key,
          file.tensor(peftKey(layer, key), { device }).float(),
        ]),
      ),
  );
  try {
    adapter.scale = scale;
  } catch (error) {
    adapter.remove();
    throw error;
  }
  return trainable ? train(model, adapter) : adapter;
}

function weightsFile(folder: string): string {
  const path = join(folder, WEIGHTS_FILE);
  if (!existsSync(path) && existsSync(join(folder, "adapter_model.bin"))) {
    throw new BadFileError(
      folder,
      "weights",
      WEIGHTS_FILE,
      "only adapter_model.bin",
      "pickled adapters are not read here: save it with safe_serialization=True first",
    );
  }
  return path;
}
