import { EMOJI_STYLES, type EmojiStyle, renderEmojiDataset } from "../../data/emoji/index.ts";
import { printResult } from "../terminal/output.ts";
import { say } from "../terminal/talk.ts";
import { UsageError } from "../terminal/usage-error.ts";

/** Options of `pixart dataset emoji`. */
export interface DatasetEmojiOptions {
  readonly size: number;
  readonly style?: string;
  readonly limit?: number;
}

/** `pixart dataset emoji OUT` */
export async function datasetEmoji(
  out: string,
  { size, style, limit }: DatasetEmojiOptions,
): Promise<void> {
  const start = performance.now();
  const data = await renderEmojiDataset(out, {
    size,
    ...(style !== undefined && { sets: [styleNamed(style)], plainCaptions: true }),
    ...(limit !== undefined && { limit }),
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  say(
    `Rendered ${data.records.length} pictures of ${data.things} things in ${seconds} s; ${data.heldOut} (thing, style) pairs are held out of training. Licences are listed in ${data.folder}/README.md`,
  );
  printResult(data.folder);
}

function styleNamed(name: string): EmojiStyle {
  const style = EMOJI_STYLES.find((known) => known === name);
  if (style !== undefined) return style;
  throw new UsageError(
    `Expected one of ${EMOJI_STYLES.join(", ")} for --style but received ${name}`,
  );
}
