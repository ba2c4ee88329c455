// Answers while it draws: npx tsx examples/server.ts [model] [port]
// curl 'http://127.0.0.1:8080/?prompt=a+fox,+noto+style&seed=7' --output fox.png
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { PixArtAlphaPipeline } from "pixart";

const [model = "emoji-demo", wanted = "8080"] = process.argv.slice(2);
const pipe = await PixArtAlphaPipeline.inWorker(model); // its steps block another thread, not this one

const server = createServer(async ({ url = "/" }, response) => {
  const { pathname, searchParams } = new URL(url, "http://localhost");
  const [prompt, seed] = [searchParams.get("prompt"), searchParams.get("seed")];
  if (pathname === "/health") return response.end("ok\n");
  if (prompt === null) return response.writeHead(400).end("Expected ?prompt=…\n");

  const gone = new AbortController();
  response.on("close", () => gone.abort()); // a client that disconnects cancels its picture
  try {
    const options = seed === null ? {} : { seed: Number(seed) };
    const { images } = await pipe(prompt, { signal: gone.signal, ...options });
    return response.setHeader("Content-Type", "image/png").end(await images[0]?.encodePng());
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const isWrongRequest = message.startsWith("Expected");
    return response.writeHead(isWrongRequest ? 400 : 500).end(`${message}\n`);
  }
});

server.listen(Number(wanted), "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  console.log(`http://127.0.0.1:${port}`);
});
