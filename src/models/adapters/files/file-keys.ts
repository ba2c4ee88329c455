import { MAGNITUDE } from "../kinds/decomposed.ts";
import { A, B, B_BIAS, MID } from "../kinds/lora.ts";

/** The model of a pipeline that a key is for. */
export type Component = "transformer" | "text_encoder";

/** A parsed key of an adapter's file. */
export interface FileKey {
  /** Undefined if the key does not say. */
  readonly component: Component | undefined;
  /** Name of the layer, in any model's or code's terms. */
  readonly name: string;
  /** Whether the name has underscores instead of dots, as kohya's scripts write it. */
  readonly isFlat: boolean;
  /** What the tensor is, in PEFT's terms if it has one for it, otherwise in LyCORIS'. */
  readonly ending: string;
}

/** A layer's scale times its rank, as kohya's scripts write it: one number. */
export const ALPHA = "alpha";
/** DoRA's lengths as kohya's scripts, OneTrainer and LyCORIS write them: (out, 1), or (1, in). */
export const DORA_SCALE = "dora_scale";

/** Wrappers of torch that leave their names in keys. */
const wrapped = /(^|\.)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\./g;

/** Prefixes of a layer's name, in any order: of the paper's script, PEFT, diffusers, ComfyUI and data parallelism. */
const prefixes: readonly (readonly [prefix: string, component: Component | undefined])[] = [
  ["base_model.model.", undefined],
  ["base_model.", undefined],
  ["module.", undefined],
  ["text_encoders.t5xxl.transformer.", "text_encoder"],
  ["text_encoder.", "text_encoder"],
  ["model.diffusion_model.", "transformer"],
  ["diffusion_model.", "transformer"],
  ["transformer.", "transformer"],
  ["unet.", "transformer"],
  ["model.", undefined],
];

/** Prefixes of a flat name: of OneTrainer, of kohya and diffusers, of SimpleTuner and LyCORIS. */
const flatPrefixes: readonly (readonly [prefix: RegExp, component: Component | undefined])[] = [
  [/^lora_(?:transformer|unet)_/, "transformer"],
  [/^lora_te\d?_/, "text_encoder"],
  [/^lycoris_/, undefined],
];

/** Suffixes of a layer's name. PEFT's own state includes the adapter's name, its files do not. */
const endings: readonly (readonly [ending: RegExp, name: string])[] = [
  [/\.lora_A(?:\.[^.]+)?\.weight$/, A],
  [/\.(?:lora[._]down|lora_linear_layer\.down)\.weight$/, A],
  [/\.lora_B(?:\.[^.]+)?\.weight$/, B],
  [/\.(?:lora[._]up|lora_linear_layer\.up)\.weight$/, B],
  [/\.lora_B(?:\.[^.]+)?\.bias$/, B_BIAS],
  [/\.lora_mid\.weight$/, MID],
  [/\.lora_magnitude_vector(?:\.[^.]+){0,2}$/, MAGNITUDE],
  [/\.magnitude$/, MAGNITUDE],
  [/\.dora_scale$/, DORA_SCALE],
  [/\.alpha$/, ALPHA],
  [/\.(hada_(?:w[12]_[ab]|t[12]))(?:\.[^.]+)?$/, "$1"],
  [/\.(lokr_(?:w[12](?:_[ab])?|t2))(?:\.[^.]+)?$/, "$1"],
  [/\.oft_R(?:\.[^.]+)?\.weight$/, "oft_R.weight"],
  [/\.(diff|diff_b)$/, "$1"],
  [/\.modules_to_save(?:\.[^.]+)?\.(weight|bias)$/, "$1"],
  [/\.base_layer\.bias$/, "bias"],
  [/\.(weight|bias)$/, "$1"],
];

/** Parses a key; undefined if it has none of the known endings. */
export function parseFileKey(key: string): FileKey | undefined {
  const clean = key.replaceAll(wrapped, "$1");
  for (const [pattern, replacement] of endings) {
    const match = pattern.exec(clean);
    if (match === null) continue;
    const ending = replacement === "$1" ? (match[1] ?? "") : replacement;
    return { ...nameOf(clean.slice(0, match.index)), ending };
  }
  return undefined;
}

function nameOf(start: string): Omit<FileKey, "ending"> {
  for (const [pattern, component] of flatPrefixes) {
    if (!pattern.test(start)) continue;
    const name = start.replace(pattern, "").replace(/^_orig_mod_/, "");
    return { component, name, isFlat: true };
  }
  let name = start;
  let component: Component | undefined;
  for (;;) {
    const found = prefixes.find(([prefix]) => name.startsWith(prefix));
    if (found === undefined) return { component, name, isFlat: false };
    name = name.slice(found[0].length);
    component ??= found[1];
  }
}
