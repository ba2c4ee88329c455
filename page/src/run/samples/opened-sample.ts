import type { SamplePicture, SampleSet } from "../../../../src/studio/api-types.ts";

/** A sample that is shown large. It stays when samples are loaded again or new ones come. */
export interface OpenedSample {
  readonly picture: SamplePicture;
  /** Its index among those of its step: the same prompt in other steps. */
  readonly place: number;
  readonly stage: string;
  readonly step: number;
}

/** The sample at a place of a set; undefined if it has fewer. */
export function sampleAt(set: SampleSet | undefined, place: number): OpenedSample | undefined {
  const picture = set?.pictures[place];
  if (set === undefined || picture === undefined) return undefined;
  return { picture, place, stage: set.stage, step: set.step };
}

/** The index of an opened sample's step; undefined if it is no longer among the samples. */
export function indexOfSample(
  samples: readonly SampleSet[],
  { stage, step }: OpenedSample,
): number | undefined {
  const index = samples.findIndex((set) => set.stage === stage && set.step === step);
  return index < 0 ? undefined : index;
}
