// Draws over HTTP: npx tsx examples/service.ts [model] [port]
// curl 'http://127.0.0.1:8080/?prompt=a+fox,+noto+style&seed=7' --output fox.png
import { fork } from "node:child_process";
import { createServer } from "node:http";
import type { Answer } from "./service-engine.ts";

const [model = "emoji-demo", port = "8080"] = process.argv.slice(2);
const engine = fork(new URL("./service-engine.ts", import.meta.url), [model], {
  serialization: "advanced", // pictures travel as bytes
});
const waiting = new Map<number, (answer: Answer) => void>();
let isReady = false;
let orders = 0;
engine.on("message", (answer: Answer) => {
  if (answer.id === undefined) isReady = true;
  else waiting.get(answer.id)?.(answer);
});
engine.on("exit", () => process.exit(1)); // whoever runs the service starts both again

const server = createServer(async ({ url = "/" }, response) => {
  const { pathname, searchParams } = new URL(url, "http://localhost");
  const [prompt, seed] = [searchParams.get("prompt"), searchParams.get("seed")];
  if (pathname === "/health") return response.writeHead(isReady ? 200 : 503).end();
  if (prompt === null) return response.writeHead(400).end("Expected ?prompt=…\n");

  const id = orders++;
  response.on("close", () => engine.send({ id })); // a client that hangs up cancels its picture
  engine.send({ id, prompt, ...(seed !== null && { seed: Number(seed) }) });
  const { png, error = "" } = await new Promise<Answer>((done) => waiting.set(id, done));
  waiting.delete(id);
  if (png !== undefined) return response.setHeader("content-type", "image/png").end(png);
  const isWrongRequest = error.startsWith("Expected");
  return response.writeHead(isWrongRequest ? 400 : 500).end(`${error}\n`);
});
server.listen(Number(port), "127.0.0.1", () => console.log("listening:", server.address()));
