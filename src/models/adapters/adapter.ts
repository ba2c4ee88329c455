import { createHash } from "node:crypto";
import { join } from "node:path";
import {
  expected,
  InvalidStateError,
  InvalidValueError,
  UnsupportedError,
} from "../../errors/index.ts";
import { makeFolder } from "../../files/make-folder.ts";
import type { Module, ProductLayer } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { writeSafetensors } from "../../weights/index.ts";
import { tensorsHash } from "../../weights/tensors-hash.ts";
import type { AdapterConfig } from "./config/config.ts";
import { writeAdapterConfig } from "./config/config-file.ts";
import { productLayers } from "./config/targets.ts";
import type { AdapterPart, AdapterState } from "./kinds/part.ts";
import { stackOn } from "./stack.ts";

/** The file of an adapter's weights in a PEFT folder. */
export const WEIGHTS_FILE = "adapter_model.safetensors";

/** The key of a tensor in PEFT's files: `base_model.model.transformer_blocks.0.attn1.to_q.lora_A.weight`. */
export const peftKey = (layer: string, tensor: string): string =>
  `base_model.model.${layer}.${tensor}`;

/** Options of {@link Adapter.save}. */
export interface SaveAdapterOptions {
  /** Source of the model that the adapter is for: a folder or a Hub name. */
  readonly base?: string | undefined;
}

/** An adapter that has an effect on a model, for a record of what the model computes. */
export interface AppliedAdapter {
  readonly name: string;
  readonly scale: number;
  /** Ten hexadecimal digits that other contents would not give; undefined if they can no longer be told. */
  hash(): Promise<string | undefined>;
}

/** An adapter on the layers of a model, as `addAdapter()` and `loadAdapter()` return it. */
export class Adapter implements AdapterState, AppliedAdapter {
  readonly name: string;
  /** In PEFT's terms; undefined if it came from a file that PEFT has no format for, in which case it can't be saved. */
  readonly config: AdapterConfig | undefined;
  /** Class of the model, saved with the adapter for Python. */
  readonly #baseClass: string;
  readonly #layers: ReadonlyMap<string, ProductLayer>;
  /** Undefined if it was made here, or trains. */
  #filesHash: AppliedAdapter["hash"] | undefined;
  #scale = 1;
  #enabled = true;
  #isRemoved = false;

  /** For `addAdapter()` and `loadAdapter()`, which attach its parts to the layers. */
  constructor(
    name: string,
    config: AdapterConfig | undefined,
    model: Module,
    layers: ReadonlyMap<string, ProductLayer>,
    filesHash?: AppliedAdapter["hash"],
  ) {
    this.name = name;
    this.config = config;
    this.#baseClass = model.constructor.name;
    this.#layers = layers;
    this.#filesHash = filesHash;
  }

  /** Factor on what the adapter adds, 1 at first; not saved. Throws while merged, and for OFT, which adds nothing. */
  get scale(): number {
    return this.#scale;
  }

  set scale(scale: number) {
    if (!Number.isFinite(scale)) {
      throw expected("a number", "scale", scale);
    }
    if (this.config?.peftType === "OFT" && scale !== 1) {
      throw new InvalidValueError(
        `Expected 1 for the scale of an OFT adapter, which rotates its input and adds nothing, but received ${scale}`,
      );
    }
    this.refuseMerged("scale");
    this.#scale = scale;
  }

  /** Whether it has any effect. Throws, when set, while merged. */
  get enabled(): boolean {
    return this.#enabled;
  }

  set enabled(enabled: boolean) {
    this.refuseMerged("enabled");
    this.#enabled = enabled;
  }

  /** Whether it is merged into its layers' weights; `unmergeAdapters()` takes it out again. */
  get isMerged(): boolean {
    return this.#enabled && [...this.#layers.values()].some((layer) => stackOn(layer)?.isMerged);
  }

  /** Its tensors by their key in PEFT's files; not copies. */
  parameters(): Map<string, Tensor> {
    const parameters = new Map<string, Tensor>();
    for (const [name, part] of this.#parts()) {
      for (const [key, tensor] of part.tensors()) parameters.set(peftKey(name, key), tensor);
    }
    return parameters;
  }

  #parts(): [layer: string, part: AdapterPart][] {
    return [...this.#layers].flatMap(([name, layer]) => {
      const parts = stackOn(layer)?.partsOf(this) ?? [];
      if (parts.length === 0) throw new InvalidStateError(`The adapter "${this.name}" was removed`);
      return parts.map((part): [string, AdapterPart] => [name, part]);
    });
  }

  /**
   * The start of a SHA-256: of the files that it was loaded from or, if it was made here or has trained, of its tensors and its
   * configuration. Undefined for one of the latter that was removed.
   */
  async hash(): Promise<string | undefined> {
    if (this.#filesHash !== undefined) return this.#filesHash();
    if (this.#isRemoved) return undefined;
    const held = `${JSON.stringify(this.config)}${tensorsHash(this.parameters())}`;
    return createHash("sha256").update(held).digest("hex").slice(0, 10);
  }

  /** Turns gradients for its tensors on or off. */
  requiresGrad_(value = true): this {
    if (value) this.#filesHash = undefined; // the files' contents will no longer be its own
    for (const tensor of this.parameters().values()) tensor.requiresGrad_(value);
    return this;
  }

  /**
   * Writes a folder that Python's `PeftModel.from_pretrained` and `loadAdapter()` read, including alpha and, if given, the name
   * of its base model. Throws if PEFT has no format for it.
   */
  async save(folder: string, { base }: SaveAdapterOptions = {}): Promise<void> {
    const { config } = this;
    if (config === undefined) {
      throw new UnsupportedError(
        `Expected an adapter that the PEFT format can express for save() but received "${this.name}", from a file of another kind; keep the file, or mergeAdapters() and save the model`,
      );
    }
    const named = base === undefined ? config : { ...config, baseModelNameOrPath: base };
    const parameters = this.parameters();
    await makeFolder(folder);
    await writeSafetensors(join(folder, WEIGHTS_FILE), parameters, { format: "pt" });
    await writeAdapterConfig(folder, named, this.#baseClass);
  }

  /** Removes it from the model and frees its memory. Throws while merged. */
  remove(): void {
    this.refuseMerged("remove()");
    for (const layer of this.#layers.values()) {
      const stack = stackOn(layer);
      stack?.remove(this);
      if (stack?.parts.length === 0) layer.adapters = undefined;
    }
    this.#isRemoved = true;
  }

  /** Throws if a layer has merged adapters, because a change would not affect its output. */
  refuseMerged(change: string): void {
    refuseMergedLayers(this.#layers, `${change} of the adapter "${this.name}"`);
  }
}

/** Throws if one of the layers has merged adapters. */
export function refuseMergedLayers(
  layers: ReadonlyMap<string, ProductLayer>,
  change: string,
): void {
  for (const [name, layer] of layers) {
    if (!stackOn(layer)?.isMerged) continue;
    throw new InvalidStateError(
      `Expected no merged adapters on ${name} for ${change}; call unmergeAdapters() first`,
    );
  }
}

/** The adapters on a model, in the order they were added. */
export function adaptersOf(model: Module): Adapter[] {
  const found = new Set<Adapter>();
  for (const [, layer] of productLayers(model)) {
    for (const { state } of stackOn(layer)?.parts ?? []) {
      if (state instanceof Adapter) found.add(state);
    }
  }
  return [...found];
}

/** The adapters that a model's own weights contain for good. */
const contained = new WeakMap<Module, readonly Adapter[]>();

/** Removes adapters whose effect a model's weights now contain, which {@link appliedAdapters} continues to list. */
export function removeContained(model: Module, adapters: readonly Adapter[]): void {
  contained.set(model, [...(contained.get(model) ?? []), ...adapters]);
  for (const adapter of adapters) adapter.remove();
}

/** The adapters that have an effect on a model: those in its weights for good, then the enabled ones. */
export const appliedAdapters = (model: Module): Adapter[] => [
  ...(contained.get(model) ?? []),
  ...adaptersOf(model).filter(({ enabled }) => enabled),
];
