import { expect, it } from "vitest";
import { otherWeights, type RecordedWeights } from "./other-weights.ts";

const plain: RecordedWeights = { modelHash: "0123456789", dtype: "float32" };
const style = { name: "style", scale: 0.5, hash: "aaaaaaaaaa" };
const shown = 'the adapter "style" at scale 0.5 (hash aaaaaaaaaa)';

it.each<[RecordedWeights, RecordedWeights]>([
  [plain, plain],
  [{ modelHash: "0123456789" }, { ...plain, quantize: "int8", adapters: [style] }],
  [{}, plain],
  [
    { ...plain, adapters: [style] },
    { ...plain, adapters: [{ ...style, name: "another name" }] },
  ],
  [
    { ...plain, adapters: [{ name: "style", scale: 0.5 }] },
    { ...plain, adapters: [style] },
  ],
])("says nothing of %j and %j", (recorded, found) => {
  expect(otherWeights(recorded, found)).toEqual([]);
});

it.each<[RecordedWeights, RecordedWeights, string]>([
  [
    plain,
    { dtype: "float32" },
    "the picture was drawn by a transformer with hash 0123456789, and this one has none: the picture will be different",
  ],
  [
    { ...plain, dtype: "bfloat16" },
    plain,
    "the picture was drawn in bfloat16, and this model computes in float32: the picture will be different without --dtype bfloat16",
  ],
  [
    { ...plain, quantize: "int8" },
    plain,
    "the picture was drawn with 8-bit weights: the picture will be different without --quantize int8",
  ],
  [
    plain,
    { ...plain, quantize: "int8" },
    "the picture was drawn without --quantize int8: with it the picture will be different",
  ],
  [
    { ...plain, adapters: [style, { name: "a fox", scale: 1 }] },
    plain,
    `the picture was drawn with ${shown} and the adapter "a fox" at scale 1, and this model has no adapter: the picture will be different without --lora style=0.5 'a fox'`,
  ],
  [
    plain,
    { ...plain, adapters: [style] },
    `the picture was drawn with no adapter, and this model has ${shown}: the picture will be different`,
  ],
  [
    { ...plain, adapters: [style] },
    { ...plain, adapters: [{ ...style, scale: 1 }] },
    `the picture was drawn with ${shown}, and this model has the adapter "style" at scale 1 (hash aaaaaaaaaa): the picture will be different without --lora style=0.5`,
  ],
  [
    { ...plain, adapters: [style] },
    { ...plain, adapters: [{ ...style, hash: "bbbbbbbbbb" }] },
    `the picture was drawn with ${shown}, and this model has the adapter "style" at scale 0.5 (hash bbbbbbbbbb): the picture will be different`,
  ],
])("tells %j from %j", (recorded, found, sentence) => {
  expect(otherWeights(recorded, found)).toEqual([sentence]);
});
