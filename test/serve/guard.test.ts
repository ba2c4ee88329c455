import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunningServer } from "../../src/server/start-server.ts";
import { HOSTILE_PATHS } from "../fixtures/hostile-paths.ts";
import { type RawAnswer, type RawRequest, rawRequest } from "../fixtures/raw-request.ts";
import { startTestServer } from "../fixtures/test-server.ts";

let open: RunningServer;
let locked: RunningServer;
const KEY = "a-long-key";
beforeAll(async () => {
  open = await startTestServer({
    allowHosts: ["pictures.example"],
    allowOrigins: ["https://app.example"],
  });
  locked = await startTestServer({ keys: [KEY, "another"] });
});
afterAll(() => Promise.all([open.stop(0), locked.stop(0)]));

const ask = ({ url }: RunningServer, path: string, sent: RawRequest = {}): Promise<RawAnswer> =>
  rawRequest(url, path, sent);

const body = JSON.stringify({ prompt: "a", steps: 1 });
const json = { "content-type": "application/json" };
const pictures = ({ context }: RunningServer): Promise<string> =>
  context.metrics.registry.getSingleMetricAsString("pixart_jobs_total");

describe("a foreign page", () => {
  const own = (): string => new URL(open.url).host;
  const foreign = [
    "https://evil.example",
    "http://localhost.evil.example",
    "null",
    "http://127.0.0.1:1",
    "file://",
    "chrome-extension://abc",
    "http://127.0.0.1",
    "https://localhost:7470.evil.example",
  ];
  const types = [
    "application/json",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
  ];
  const cases = [
    ...foreign.flatMap((origin) => types.map((type) => ({ origin, "content-type": type }))),
    ...types.map((type) => ({ "sec-fetch-site": "cross-site", "content-type": type })),
    ...types.map((type) => ({ "sec-fetch-site": "same-site", "content-type": type })),
    ...[
      "evil.example",
      "127.0.0.1.evil.example",
      "localhost.evil.example:7470",
      "[::1].evil.example",
      "evil.example:80",
      " ",
      "a@127.0.0.1",
      "localhost:7470:7470",
    ].flatMap((host) => types.slice(0, 2).map((type) => ({ host, "content-type": type }))),
    ...types.slice(1, 3).map((type) => ({ "content-type": type })),
  ];

  it(`changes nothing by any of ${cases.length} requests`, async () => {
    const before = await pictures(open);
    for (const headers of cases) {
      const { status, text } = await ask(open, "/v1/images/generations", {
        method: "POST",
        headers,
        body,
      });
      expect([400, 403, 415], JSON.stringify([headers, text])).toContain(status);
    }
    expect(await pictures(open)).toBe(before);
    expect(cases.length).toBeGreaterThanOrEqual(58);
  });

  it("may send headers of its own where it is allowed", async () => {
    const origin = "https://app.example";
    const wanted = "authorization,content-type,x-stainless-lang";
    const headers = { origin, "access-control-request-headers": wanted };
    const answer = await ask(open, "/v1/images/generations", { method: "OPTIONS", headers });
    expect(answer.headers).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-allow-headers": wanted,
    });
  });

  it("can't delete, upgrade or preflight, and reads no answer", async () => {
    const headers = { origin: "https://evil.example" };
    expect((await ask(open, "/v1/jobs/job_x", { method: "DELETE", headers })).status).toBe(403);
    const preflight = await ask(open, "/v1/images/generations", {
      method: "OPTIONS",
      headers: { ...headers, "access-control-request-method": "POST" },
    });
    expect(preflight.status).toBe(403);
    expect(preflight.headers).not.toHaveProperty("access-control-allow-origin");
    const upgrade = { ...headers, connection: "upgrade", upgrade: "websocket" };
    expect((await ask(open, "/v1/models", { headers: upgrade })).status).toBe(403);
    expect(
      (await ask(open, "/v1/models", { headers: { "sec-fetch-site": "cross-site" } })).status,
    ).toBe(403);
  });

  it("shows and links to a picture whose name it was given, and reads none", async () => {
    const sent = JSON.stringify({ prompt: "a", steps: 1, response_format: "url" });
    const answer = await ask(open, "/v1/images/generations", {
      method: "POST",
      headers: json,
      body: sent,
    });
    const { url } = (JSON.parse(answer.text) as { data: { url: string }[] }).data[0] ?? { url: "" };
    const { pathname } = new URL(url);
    for (const mode of ["no-cors", "navigate"]) {
      const headers = { "sec-fetch-site": "cross-site", "sec-fetch-mode": mode };
      const shown = await ask(open, pathname, { headers });
      expect([shown.status, shown.headers["cross-origin-resource-policy"]]).toEqual([
        200,
        "cross-origin",
      ]);
      expect(shown.headers).not.toHaveProperty("access-control-allow-origin");
    }
    const headers = { origin: "https://evil.example" };
    expect((await ask(open, pathname, { headers })).status).toBe(403);
  });

  it("opens the first page by a link", async () => {
    const headers = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
    expect((await ask(open, "/", { headers })).status).toBe(302);
    expect((await ask(open, "/docs", { headers })).status).toBe(200);
  });

  it("may call where it was let in", async () => {
    const headers = { ...json, origin: "https://app.example", "sec-fetch-site": "cross-site" };
    const answer = await ask(open, "/v1/images/generations", { method: "POST", headers, body });
    expect(answer.status).toBe(200);
    expect(answer.headers["access-control-allow-origin"]).toBe("https://app.example");
    const preflight = await ask(open, "/v1/images/generations", {
      method: "OPTIONS",
      headers: { ...headers, "access-control-request-method": "POST" },
    });
    expect(preflight.status).toBe(204);
  });

  it.each(["localhost", "127.0.0.1", "[::1]", "192.168.0.7", hostname(), "pictures.example"])(
    "is none where the host is %s",
    async (host) => {
      for (const headers of [{ host }, { host: `${host}:7470`, origin: `http://${host}:7470` }])
        expect((await ask(open, "/v1/models", { headers })).status).toBe(200);
      const own_ = own();
      expect(
        (await ask(open, "/v1/models", { headers: { origin: `http://${own_}` } })).status,
      ).toBe(200);
    },
  );
});

describe("a server with keys", () => {
  it.each([
    [{}, 401],
    [{ authorization: "Bearer wrong" }, 401],
    [{ authorization: KEY }, 401],
    [{ authorization: `Bearer ${KEY}` }, 200],
    [{ authorization: "bearer another" }, 200],
    [{ "api-key": KEY }, 200],
  ])("%j: %i", async (headers, status) => {
    const answer = await ask(locked, "/v1/models?api-version=2026-01-01", { headers });
    expect(answer.status).toBe(status);
    if (status === 401) expect(JSON.parse(answer.text).error.code).toBe("invalid_api_key");
  });

  it("tells without one only whether it lives and what can be asked", async () => {
    for (const path of ["/health", "/ready", "/docs", "/openapi.json"])
      expect((await ask(locked, path)).status, path).toBe(200);
    for (const path of [
      "/metrics",
      "/v1/models",
      "/v1/jobs/x",
      "/v1/jobs/x/events",
      "/v1/models/stand-in",
    ])
      expect((await ask(locked, path)).status, path).toBe(401);
  });

  it("shows a job to nobody with another key", async () => {
    const headers = { ...json, authorization: `Bearer ${KEY}`, prefer: "respond-async" };
    const { text } = await ask(locked, "/v1/images/generations", { method: "POST", headers, body });
    const path = `/v1/jobs/${JSON.parse(text).id}`;
    expect((await ask(locked, path, { headers: { "api-key": "another" } })).status).toBe(404);
    expect((await ask(locked, path, { headers: { "api-key": KEY } })).status).toBe(200);
  });
});

describe("addresses of pictures", () => {
  it("are never fetched, in whatever form", async () => {
    let hits = 0;
    const bait = createServer((_, response) => {
      hits += 1;
      response.end();
    });
    await new Promise<void>((resolve) => bait.listen(0, "127.0.0.1", resolve));
    const { port } = bait.address() as AddressInfo;
    const hosts = [
      "127.0.0.1",
      "localhost",
      "[::1]",
      "0.0.0.0",
      "2130706433",
      "0x7f.1",
      "127.1",
      "[::ffff:127.0.0.1]",
      "localtest.me",
      "a@127.0.0.1",
    ];
    const schemes = [
      "http://",
      "HTTP://",
      "https://",
      "//",
      "ftp://",
      "file:///",
      "gopher://",
      "data:text/html;base64,",
      "blob:http://",
      " http://",
    ];
    const forms = hosts.flatMap((name) =>
      schemes.map((scheme) => `${scheme}${name}:${port}/a.png`),
    );
    for (const image of forms) {
      for (const form of [{ image }, { images: [{ image_url: image }] }]) {
        const headers = { ...json };
        const sent = JSON.stringify({ prompt: "a", ...form });
        const { status } = await ask(open, "/v1/images/edits", {
          method: "POST",
          headers,
          body: sent,
        });
        expect(status, image).toBe(400);
      }
    }
    expect([forms.length, hits]).toEqual([100, 0]);
    bait.close();
  });
});

describe("paths", () => {
  const routes = ["/files/", "/v1/models/", "/v1/jobs/", "/docs/", "/"];

  it(`give nothing of the disk: ${HOSTILE_PATHS.length} on ${routes.length} routes`, async () => {
    for (const route of routes) {
      const answers = await Promise.all(
        HOSTILE_PATHS.map((path) => ask(open, `${route}${path}`).catch(() => undefined)),
      );
      for (const [i, answer] of answers.entries()) {
        if (answer === undefined) continue; // Node refused to send it
        expect([400, 404], `${route}${HOSTILE_PATHS[i]}: ${answer.text.slice(0, 80)}`).toContain(
          answer.status,
        );
        expect(answer.text).not.toMatch(/root:|_class_name|"dependencies"|PATH=/);
      }
    }
    expect(HOSTILE_PATHS.length).toBeGreaterThanOrEqual(300);
  });
});
