import type { PixArtAlphaPipeline } from "../pipelines/index.ts";
import { preparation, tokenized } from "../pipelines/prompts/prompt-encoder.ts";
import type { DrawSettings } from "../server/engine/engine-messages.ts";

/** The length of a prompt, and warnings about it. */
export interface PromptMeasure {
  /** Including its end mark. */
  readonly tokens: number;
  /** Such as that it is too long. */
  readonly warnings: readonly string[];
}

/** Measures one prompt of an order, so that only its own caller gets its warnings. */
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
