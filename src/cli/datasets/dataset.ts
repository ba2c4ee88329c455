import { EMOJI_STYLES, type EmojiStyle, renderEmojiDataset } from "../../data/emoji/index.ts";
import { printResult } from "../terminal/output.ts";
import { say } from "../terminal/talk.ts";
import { UsageError } from "../terminal/usage-error.ts";

/** Options of `pixart dataset emoji`. */
export interface DatasetEmojiOptions {
  readonly size: number;
  readonly style?: string;
  readonly limit?: number;
  readonly json?: boolean;
}

/** `pixart dataset emoji OUT` */
export async function datasetEmoji(
  out: string,
  { size, style, limit, json = false }: DatasetEmojiOptions,
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
  const { folder, things, heldOut } = data;
  const report = { folder, pictures: data.records.length, things, heldOut };
  printResult(json ? JSON.stringify(report) : folder);
}

function styleNamed(name: string): EmojiStyle {
  const style = EMOJI_STYLES.find((known) => known === name);
  if (style !== undefined) return style;
  throw new UsageError(
    `Expected one of ${EMOJI_STYLES.join(", ")} for --style but received ${name}`,
  );
}
