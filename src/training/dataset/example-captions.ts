import type { Example } from "./training-data.ts";

/** The captions of a picture. */
type Captioned = Pick<Example, "shortCaption" | "shortCaptions" | "denseCaption">;

/** Every caption that a picture may be trained with. */
export const captionsOfExample = (example: Captioned): string[] => [
  ...(example.shortCaptions ?? [example.shortCaption]),
  example.denseCaption,
];

/**
 * The caption to train a picture with: its dense one if it has one and the batch uses dense captions, else one of its short ones.
 * @param share selects one of several, from 0 to below 1
 */
export function chosenCaption(example: Captioned, isDense: boolean, share: number): string {
  const { shortCaption, shortCaptions = [shortCaption], denseCaption } = example;
  if (isDense && denseCaption !== shortCaption) return denseCaption;
  return shortCaptions[Math.floor(share * shortCaptions.length)] ?? shortCaption;
}
