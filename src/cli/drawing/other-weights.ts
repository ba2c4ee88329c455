import { shellWord } from "../../files/processes/shell-word.ts";
import { quote } from "../../files/reading/errors.ts";
import type { PictureMetadata } from "../../images/index.ts";

/** The part of a picture's record that says which weights drew it. */
export type RecordedWeights = Pick<
  PictureMetadata,
  "modelHash" | "dtype" | "quantize" | "adapters"
>;

type AdapterRecord = NonNullable<RecordedWeights["adapters"]>[number];

/**
 * What differs between the weights that drew a picture and those that are to draw it again, a sentence each, with the flags that
 * would make them the same. What a record from before its field existed does not say is not compared.
 */
export function otherWeights(recorded: RecordedWeights, found: RecordedWeights): string[] {
  const { modelHash, dtype } = recorded;
  const others: string[] = [];
  if (modelHash !== undefined && modelHash !== found.modelHash) {
    others.push(
      `the picture was drawn by a transformer with hash ${modelHash}, and this one has ${found.modelHash ?? "none"}: the picture will be different`,
    );
  }
  if (dtype === undefined) return others;
  if (dtype !== found.dtype) {
    others.push(
      `the picture was drawn in ${dtype}, and this model computes in ${found.dtype}: the picture will be different without --dtype ${shellWord(dtype)}`,
    );
  }
  if (recorded.quantize !== found.quantize) {
    others.push(
      recorded.quantize === undefined
        ? `the picture was drawn without --quantize ${found.quantize}: with it the picture will be different`
        : `the picture was drawn with 8-bit weights: the picture will be different without --quantize ${shellWord(recorded.quantize)}`,
    );
  }
  return [...others, ...otherAdapters(recorded.adapters ?? [], found.adapters ?? [])];
}

function otherAdapters(
  recorded: readonly AdapterRecord[],
  found: readonly AdapterRecord[],
): string[] {
  const areSame =
    recorded.length === found.length &&
    recorded.every((each, i) => isSame(each, found[i] as AdapterRecord));
  if (areSame) return [];
  const missing = recorded.filter(
    ({ name, scale }) => !found.some((other) => other.name === name && other.scale === scale),
  );
  const flags = missing.map(({ name, scale }) =>
    shellWord(scale === 1 ? name : `${name}=${scale}`),
  );
  const advice = missing.length === 0 ? "" : ` without --lora ${flags.join(" ")}`;
  return [
    `the picture was drawn with ${listed(recorded)}, and this model has ${listed(found)}: the picture will be different${advice}`,
  ];
}

/** Names are the caller's choice: they are compared where a hash is unknown. */
const isSame = (one: AdapterRecord, other: AdapterRecord): boolean =>
  one.scale === other.scale &&
  (one.hash === undefined || other.hash === undefined
    ? one.name === other.name
    : one.hash === other.hash);

const listed = (adapters: readonly AdapterRecord[]): string =>
  adapters.length === 0 ? "no adapter" : adapters.map(described).join(" and ");

const described = ({ name, scale, hash }: AdapterRecord): string =>
  `the adapter ${quote(name)} at scale ${scale}${hash === undefined ? "" : ` (hash ${hash})`}`;
