import type { PixArtAlphaPipeline } from "../pipelines/index.ts";
import { preparation } from "../pipelines/prompt-encoding.ts";
import { shorten } from "../pipelines/shorten.ts";
import type { DrawSettings } from "../server/engine-messages.ts";

/** A prompt in tokens. */
export interface PromptMeasure {
  /** Its end mark included. */
  readonly tokens: number;
  /** What is odd about it: that it is too long. */
  readonly warnings: readonly string[];
}

/** What one prompt of an order has, so that none of its company is told of it. */
export function measurePrompt(
  pipe: PixArtAlphaPipeline,
  prompt: string,
  {
    cleanCaption = true,
    maxSequenceLength = pipe.maxSequenceLength,
  }: Pick<DrawSettings, "cleanCaption" | "maxSequenceLength">,
): PromptMeasure {
  const { shape, truncated } = pipe.tokenizer.encode([preparation({ cleanCaption })(prompt)], {
    maxLength: maxSequenceLength,
    padding: "longest",
    truncation: true,
  });
  const warnings = truncated.map(
    ({ dropped }) =>
      `The prompt is longer than ${maxSequenceLength} tokens. This part was left out: ${shorten(dropped)}`,
  );
  return { tokens: shape[1], warnings };
}
