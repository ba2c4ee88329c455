// Answers while it draws: npx tsx examples/server.ts [model] [port], then http://127.0.0.1:8080/?prompt=a+fox
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { PixArtAlphaPipeline } from "pixart";

const [model = "emoji-demo", wanted = "8080"] = process.argv.slice(2);
const pipe = await PixArtAlphaPipeline.inWorker(model); // its steps hold another thread, and not this one

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  if (pathname === "/health") {
    response.end("ok\n");
    return;
  }
  const gone = new AbortController();
  response.on("close", () => gone.abort()); // nobody waits for it any more
  try {
    const prompt = searchParams.get("prompt") ?? "a fox, noto style";
    const { images } = await pipe(prompt, { signal: gone.signal });
    response.setHeader("Content-Type", "image/png").end(await images[0]?.encodePng());
  } catch (error) {
    if (!gone.signal.aborted) response.writeHead(500).end(`${error}\n`);
  }
});

server.listen(Number(wanted), "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  console.log(`http://127.0.0.1:${port}`);
});
