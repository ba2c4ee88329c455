import { INPUTS, type InputFact, type ScaleNumbers } from "./inputs.ts";
import type { ScaleReport } from "./simulate-run.ts";

/** A number or a simplification that a report is based on. */
export interface Assumption {
  readonly what: string;
  /** With its unit; undefined for a simplification. */
  readonly value?: string;
  readonly source: string;
}

/** Everything that a report is based on. A changed input's source is "given". */
export function assumptionsOf({ recipe, inputs }: ScaleReport): Assumption[] {
  const { runs: _runs, seed: _seed, ...facts } = INPUTS;
  const numbers = Object.entries(facts).map(([name, fact]: [string, InputFact]): Assumption => {
    const value = inputs[name as keyof ScaleNumbers];
    return {
      what: fact.what,
      value: [value, fact.unit].join(" ").trim(),
      source: value === fact.default ? fact.source : "given",
    };
  });
  return [
    { what: "images/s of one GPU", source: recipe.speedSource },
    ...numbers,
    {
      what: "stops",
      source:
        "a model: each GPU's come at random, independent of each other and of its age; one stops the whole run",
    },
    {
      what: "all-reduce",
      source:
        "a model: ring, 2 (n - 1) / n x bytes / bandwidth; no latency, no congestion, every link as slow as the slowest",
    },
    {
      what: "backward pass, with the forward pass that is made again: 3/4 of a step",
      source: "gradient checkpointing; a backward pass costs two forward passes",
    },
    {
      what: "a GPU is as fast with few images as with many",
      source: "no source; in reality slower with few",
    },
    {
      what: "checkpoint: weights, average and two moments, float32",
      source: "docs/checkpoints.md; the stored losses of each picture come on top",
    },
    {
      what: "latents: mean and deviation, float32; captions: bfloat16, T5-XXL",
      source: "what the feature cache of this package keeps",
    },
    { what: "data arrive in time, and there is always a spare machine", source: "no source" },
  ];
}
