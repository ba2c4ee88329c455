// Draws with a server that `npx pixart serve emoji-demo` started: npx tsx examples/client.ts [url] [prompt] [file.png]
import { writeFile } from "node:fs/promises";
import { PixartClient } from "pixart/client";

const [
  baseUrl = "http://127.0.0.1:7470",
  prompt = "a red apple, noto style",
  file = "picture.png",
] = process.argv.slice(2);

const client = new PixartClient({ baseUrl });
for await (const event of client.watch({ prompt, seed: 7 }, { previews: 3 })) {
  if (event.type === "progress") console.log(`step ${event.step} of ${event.total}`);
  if (event.type === "completed") await writeFile(file, event.result.pictures[0]?.bytes ?? "");
}
