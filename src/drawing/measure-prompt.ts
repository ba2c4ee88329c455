import type { PixArtAlphaPipeline } from "../pipelines/index.ts";
import { preparation, tokenized } from "../pipelines/prompts/prompt-encoder.ts";
import type { DrawSettings } from "../server/engine/engine-messages.ts";

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
  const prepared = preparation({ cleanCaption })(prompt);
  const { tokens, warnings } = tokenized(pipe.tokenizer, [prepared], maxSequenceLength);
  return { tokens: tokens.shape[1], warnings };
}
