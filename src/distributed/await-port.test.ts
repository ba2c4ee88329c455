import { once } from "node:events";
import { createServer } from "node:net";
import { expect, it } from "vitest";
import { awaitPort } from "./await-port.ts";
import { freePort } from "./free-port.ts";

it("says in time why nobody answers", async () => {
  const port = await freePort();
  const start = performance.now();
  expect(await awaitPort("127.0.0.1", port, 500)).toBe("ECONNREFUSED");
  expect(performance.now() - start).toBeLessThan(5_000);
});

it("waits for who comes later", async () => {
  const port = await freePort();
  const server = createServer((socket) => socket.destroy());
  setTimeout(() => server.listen(port, "127.0.0.1"), 300);
  expect(await awaitPort("127.0.0.1", port, 60_000)).toBeUndefined();
  server.close();
  await once(server, "close");
});
