import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "@hono/node-server";
import { type MockOptions, type MockStudio, mockStudio } from "./mock-app.ts";

const PAGE = fileURLToPath(new URL("../../dist/page/", import.meta.url));
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};
/** What the real server sends with the page. */
const POLICY =
  "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export interface RunningMock extends Omit<MockStudio, "app"> {
  readonly url: string;
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/** Serves dist/page/ and made-up answers on this machine alone. `port` 0 takes a free one. */
export async function startMock(options: MockOptions = {}, port = 0): Promise<RunningMock> {
  const { app, ...studio } = mockStudio(options);
  app.get("*", async (c) => {
    const known = path.extname(c.req.path) === "" ? "/index.html" : path.normalize(c.req.path);
    const type = TYPES[path.extname(known)];
    if (type === undefined) return c.notFound();
    const bytes = await readFile(path.join(PAGE, known));
    return c.body(new Uint8Array(bytes), 200, {
      "content-type": type,
      "content-security-policy": POLICY,
      "x-content-type-options": "nosniff",
    });
  });
  const server = serve({ fetch: app.fetch, port, hostname: "127.0.0.1" });
  await new Promise<void>((resolve) => server.once("listening", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Expected a port");
  return {
    ...studio,
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    stop: () => {
      studio.streams.close();
      if ("closeAllConnections" in server) server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
