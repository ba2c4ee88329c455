import { renderEmojiDataset } from "../data/emoji/index.ts";
import { say } from "./talk.ts";

/** `pixart dataset emoji OUT` */
export async function datasetEmoji(out: string, { size }: { size: number }): Promise<void> {
  const start = performance.now();
  const data = await renderEmojiDataset(out, { size });
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  say(
    `Rendered ${data.records.length} pictures of ${data.things} things in ${seconds} s; ${data.heldOut} (thing, style) pairs are held out of training. Licences are listed in ${data.folder}/README.md`,
  );
  process.stdout.write(`${data.folder}\n`);
}
