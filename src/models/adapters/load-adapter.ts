import { existsSync } from "node:fs";
import { join } from "node:path";
import { checkKeys, type Module, type StateSource } from "../../nn/index.ts";
import { BadFileError, readSafetensors, type SafetensorsFile } from "../../weights/index.ts";
import { type Adapter, peftKey, WEIGHTS_FILE } from "./adapter.ts";
import { prepareAdapter, refuseUntrainable, train } from "./add-adapter.ts";
import type { AdapterConfig } from "./config.ts";
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
  using file = readSafetensors(weightsFile(folder));
  return attachFrom(model, tensorsOf(file), { config, place: folder, name, scale, trainable });
}

/** The tensors of a file as weights. */
const tensorsOf = (file: SafetensorsFile): StateSource => ({
  keys: () => file.tensors.keys(),
  shape: (key) => file.entry(key).shape,
  tensor: (key) => file.tensor(key),
});

/** What {@link attachFrom} is told beside the weights. */
interface AttachOptions {
  readonly config: AdapterConfig;
  /** Where the weights come from, for errors. */
  readonly place: string;
  readonly name: string;
  readonly scale: number;
  readonly trainable: boolean;
}

/** Puts an adapter on a model whose weights, under PEFT's keys, `source` has. */
export function attachFrom(
  model: Module,
  source: StateSource,
  { config, place, name, scale, trainable }: AttachOptions,
): Adapter {
  if (trainable) refuseUntrainable(config);
  const prepared = prepareAdapter(model, name, config);
  const shapes = [...prepared.plans].flatMap(([layer, { tensors }]) =>
    Array.from(tensors, ([key, { shape }]): [string, readonly number[]] => [
      peftKey(layer, key),
      shape,
    ]),
  );
  checkKeys(`${model.constructor.name} as the adapter in ${place}`, new Map(shapes), source);
  const adapter = prepared.attach(
    ({ tensors }, { weight: { device } }, layer) =>
      new Map(
        Array.from(tensors.keys(), (key) => [
          key,
          source.tensor(peftKey(layer, key)).to({ device, dtype: "float32" }),
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
