import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { resolveModel } from "../../src/hub/index.ts";
import { HUB_ANSWER_BYTES } from "../../src/hub/network-limits.ts";
import { name, testHub, transformerFiles } from "./hub-fixture.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const HASH = "89abcdef0123456789abcdef0123456789abcdef";
const TREE = `/api/models/${name}/tree/${COMMIT}`;

/** What a server of the test saw. */
interface Watched {
  readonly endpoint: string;
  readonly host: string;
  /** Bytes of bodies that it could send. */
  readonly sent: () => number;
  readonly requests: () => number;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A Hub that is none, and the environment that knows of it. */
async function badHub(handler: Handler): Promise<Watched> {
  await testHub(); // an empty cache, and no token
  let requests = 0;
  let closed = 0;
  const open = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    requests += 1;
    open.add(response);
    response.on("close", () => {
      open.delete(response);
      closed += request.socket.bytesWritten;
    });
    response.on("error", () => {});
    handler(request, response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubEnv("HF_ENDPOINT", `http://${host}`);
  const sent = (): number =>
    [...open].reduce((sum, { socket }) => sum + (socket?.bytesWritten ?? 0), closed);
  return { endpoint: `http://${host}`, host, sent, requests: () => requests };
}

const isTree = ({ url = "" }: IncomingMessage): boolean => url.includes("/tree/");

function sendJson(response: ServerResponse, value: unknown, headers: object = {}): void {
  response.writeHead(200, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(value));
}

/** Sends for ever, as fast as the reader takes it. */
function sendForEver(response: ServerResponse, first: string, more: string): void {
  response.writeHead(200, { "content-type": "application/json" });
  const chunk = Buffer.alloc(2 ** 18, more);
  const fill = (): void => {
    while (!response.destroyed && response.write(chunk));
    if (!response.destroyed) response.once("drain", fill);
  };
  response.write(first);
  fill();
}

const failure = (): Promise<Error> =>
  resolveModel(name, { files: transformerFiles }).then(
    () => {
      throw new Error("Expected an error");
    },
    (error: Error) => error,
  );

const advice = "check HF_ENDPOINT and the network";

describe("a server that sends more than a Hub does", () => {
  it("without an end, as the repository's page", async () => {
    const { host, sent } = await badHub((_, response) => sendForEver(response, '{"a":"', "a"));
    const { message } = await failure();
    expect(message).toBe(
      `${name}: expected 34 MB at most from ${host}/api/models/${name}/revision/main but received more; ${advice}`,
    );
    expect(sent()).toBeLessThan(2 * HUB_ANSWER_BYTES);
  });

  it("without an end, as the list of files", async () => {
    const { host, sent } = await badHub((request, response) =>
      isTree(request) ? sendForEver(response, '[{"a":"', "a") : sendJson(response, { sha: COMMIT }),
    );
    const { message } = await failure();
    expect(message).toContain(`expected 34 MB at most from ${host}${TREE} but received more`);
    expect(sent()).toBeLessThan(2 * HUB_ANSWER_BYTES);
  });

  it("as a small answer that unpacks to a large one", async () => {
    const packed = gzipSync(Buffer.alloc(2 ** 27, " "));
    expect(packed.length).toBeLessThan(2 ** 20);
    await badHub((_, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
      response.end(packed);
    });
    const before = process.memoryUsage.rss();
    expect((await failure()).message).toContain("expected 34 MB at most from");
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 28);
  });

  it("as pages that lead to one another", async () => {
    const { host, requests } = await badHub((request, response) => {
      if (!isTree(request)) return sendJson(response, { sha: COMMIT });
      const other = request.url?.includes("cursor=a") ? "b" : "a";
      const link = `<http://${request.headers.host}${TREE}?recursive=true&cursor=${other}>; rel="next"`;
      return sendJson(response, [], { link });
    });
    expect((await failure()).message).toBe(
      `${name}: expected pages that end from ${host}${TREE} but received the same page again; ${advice}`,
    );
    expect(requests()).toBe(4);
  });

  it("as pages that never end", async () => {
    let page = 0;
    const { host, requests } = await badHub((request, response) => {
      if (!isTree(request)) return sendJson(response, { sha: COMMIT });
      page += 1;
      const link = `<http://${request.headers.host}${TREE}?recursive=true&cursor=${page}>; rel="next"`;
      return sendJson(response, [], { link });
    });
    expect((await failure()).message).toBe(
      `${name}: expected 1000 pages in 10 minutes at most from ${host}${TREE} but received a further one after 1000; ${advice}`,
    );
    expect(requests()).toBe(1001);
  }, 60_000);

  it("as a file that is longer than its list says", async () => {
    const { sent } = await badHub((request, response) => {
      if (request.url?.includes("/resolve/")) return sendForEver(response, "", "a");
      if (!isTree(request)) return sendJson(response, { sha: COMMIT });
      const entries = transformerFiles.map(({ names }) => names[0]);
      return sendJson(
        response,
        entries.map((path) => ({ type: "file", path, oid: HASH, size: 1000 })),
      );
    });
    expect((await failure()).message).toContain("expected 1000 bytes with the hash");
    expect(sent()).toBeLessThan(2 ** 25);
  });
});

describe("a server that is no Hub", () => {
  it("but a network's login page", async () => {
    const { host } = await badHub((_, response) => {
      response.writeHead(200, { "content-type": "text/html" });
      response.end(
        "<!doctype html><html><head><title>Welcome to the airport</title></head></html>",
      );
    });
    expect((await failure()).message).toContain(
      `expected JSON from ${host}/api/models/${name}/revision/main but received a web page ("Welcome to the airport"); this network may want a login in a browser first. Otherwise check HF_ENDPOINT`,
    );
  });

  it.each([
    ["not json", '"not json"'],
    ["", "nothing"],
  ])("but says %j", async (body, found) => {
    const { host } = await badHub((_, response) => void response.end(body));
    expect((await failure()).message).toContain(
      `expected JSON from ${host}/api/models/${name}/revision/main but received ${found}; check HF_ENDPOINT`,
    );
  });

  it.each([-5, 1.5, "12", null, 1e300])("by a size of %j", async (size) => {
    const { endpoint } = await badHub((request, response) =>
      isTree(request)
        ? sendJson(response, [{ type: "file", path: "transformer/config.json", oid: HASH, size }])
        : sendJson(response, { sha: COMMIT }),
    );
    expect((await failure()).message).toBe(
      `${name}: expected the size of transformer/config.json from ${endpoint} but received ${JSON.stringify(size)}; check HF_ENDPOINT`,
    );
  });
});
