import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { afterAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { InvalidValueError } from "../../src/errors/index.ts";
import { HubUnreachableError, resolveModel } from "../../src/hub/index.ts";
import { runChild } from "../child.ts";
import { ProxyServer } from "../fixtures/proxy-server.ts";
import { modelFiles, name, type TestHub, testHub, transformerFiles } from "./hub-fixture.ts";

// Names that only the proxy can resolve.
const hosts = { hub: "hub.invalid", storage: "storage.invalid" };
const hubThere = (files = modelFiles): Promise<TestHub> => testHub(files, "model", hosts);
const resolveTransformer = (): Promise<string> => resolveModel(name, { files: transformerFiles });

let proxy: ProxyServer;
beforeEach(async () => {
  proxy = await ProxyServer.start();
  onTestFinished(() => proxy[Symbol.asyncDispose]());
});

describe("behind a proxy", () => {
  it("the Hub and its storage are reached through it", async () => {
    const { server, commit, model } = await hubThere();
    server.token = "hf_token";
    vi.stubEnv("HF_TOKEN", "hf_token");
    vi.stubEnv("HTTP_PROXY", `http://me:secret@${proxy.host}`);
    const folder = await resolveTransformer();
    expect(folder).toBe(join(model, "snapshots", commit));
    const asked = proxy.requests.map((line) => line.split("?")[0]);
    expect(asked[0]).toBe(`GET ${server.endpoint}/api/models/${name}/revision/main`);
    expect(asked.at(-1)).toMatch(/^GET http:\/\/storage\.invalid:\d+\/bucket$/);
    expect(asked).toHaveLength(server.requests.length);
    const user = `Basic ${Buffer.from("me:secret").toString("base64")}`;
    expect(new Set(proxy.authorizations)).toEqual(new Set([user]));
    const tokens = server.requests.map(({ host, authorization }) => `${host} ${authorization}`);
    expect(new Set(tokens)).toEqual(new Set(["hub Bearer hf_token", "storage undefined"]));
  });

  it("what NO_PROXY names is reached without it", async () => {
    const { server } = await hubThere();
    vi.stubEnv("HTTP_PROXY", `http://${proxy.host}`);
    vi.stubEnv("NO_PROXY", "invalid");
    await expect(resolveTransformer()).rejects.toThrow(
      /: hub\.invalid:\d+ could not be reached \((ENOTFOUND|EAI_AGAIN)\); check the network and HF_ENDPOINT,/,
    );
    expect([...proxy.requests, ...server.requests]).toEqual([]);
  });

  it("this machine is reached without it", async () => {
    const { server } = await testHub();
    vi.stubEnv("HTTP_PROXY", `http://${proxy.host}`);
    await resolveTransformer();
    expect(proxy.requests).toEqual([]);
    expect(server.requests.length).toBeGreaterThan(0);
  });

  it("an error names the proxy, and what it answers", async () => {
    const { server } = await hubThere();
    const { host } = new URL(server.endpoint);
    const why = (at: string, source: string, reason: string): string =>
      `no folder ${name} here; as a name on the Hub: ${at} could not be reached through the proxy ${proxy.host} of ${source} (${reason}); check the network, ${source} and HF_ENDPOINT, or set HF_HUB_OFFLINE=1 to use what is cached`;
    vi.stubEnv("http_proxy", proxy.host);
    proxy.refusal = 407;
    await expect(resolveTransformer()).rejects.toThrow(
      new HubUnreachableError(why(host, "http_proxy", "the proxy answers 407")),
    );
    vi.stubEnv("HTTPS_PROXY", `http://me:secret@${proxy.host}`);
    vi.stubEnv("HF_ENDPOINT", "https://hub.invalid");
    proxy.refusal = 403;
    await expect(resolveTransformer()).rejects.toThrow(
      new HubUnreachableError(why("hub.invalid", "HTTPS_PROXY", "the proxy answers 403")),
    );
    expect(proxy.requests.at(-1)).toBe("CONNECT hub.invalid:443");
    const away = why("hub.invalid", "HTTPS_PROXY", "ECONNREFUSED");
    const other = await ProxyServer.start();
    const { host: gone } = other;
    await other[Symbol.asyncDispose]();
    vi.stubEnv("HTTPS_PROXY", `http://${gone}`);
    await expect(resolveTransformer()).rejects.toThrow(
      new HubUnreachableError(away.replace(proxy.host, gone)),
    );
  });

  it("an address that is no proxy's is an error before anything is asked", async () => {
    const { server } = await hubThere();
    vi.stubEnv("HTTP_PROXY", "socks5://me:secret@proxy");
    await expect(resolveTransformer()).rejects.toThrow(InvalidValueError);
    await expect(resolveTransformer()).rejects.toThrow(
      "Expected the http or https address of a proxy for HTTP_PROXY but received something else; correct it, or unset it",
    );
    expect(server.requests).toEqual([]);
  });
});

const top = mkdtempSync(join(tmpdir(), "pixart-proxy-"));
afterAll(() => rmSync(top, { recursive: true }));
const [key, certificate] = [join(top, "key.pem"), join(top, "certificate.pem")];

/** Whether there is an openssl, which made a certificate of hub.invalid. */
const hasCertificate = ((): boolean => {
  const subject = ["-subj", "/CN=hub.invalid", "-addext", "subjectAltName=DNS:hub.invalid"];
  const kind = ["-newkey", "rsa:2048", "-nodes", "-days", "2"];
  try {
    const args = ["req", "-x509", ...kind, ...subject, "-keyout", key, "-out", certificate];
    execFileSync("openssl", args, { stdio: "ignore" });
  } catch {
    return false;
  }
  return existsSync(certificate);
})();

it.skipIf(!hasCertificate)("https goes through a tunnel, which lets the process end", async () => {
  const { server, commit, model } = await testHub({ "config.json": "{}" });
  const { port } = new URL(server.endpoint);
  const options = { key: readFileSync(key), cert: readFileSync(certificate) };
  const secure = createServer(options, (socket) => {
    const to = connect(Number(port), "127.0.0.1");
    for (const end of [socket, to]) end.on("error", () => {});
    socket.pipe(to).pipe(socket);
  });
  await new Promise<void>((listening) => secure.listen(0, "127.0.0.1", listening));
  onTestFinished(() => void secure.close());
  proxy.tunnelsTo = (secure.address() as AddressInfo).port;
  const { stdout, stderr, exitCode } = await runChild(new URL("hub-child.ts", import.meta.url), {
    args: [name, JSON.stringify([{ names: ["config.json"] }])],
    env: {
      HF_ENDPOINT: "https://hub.invalid",
      HTTPS_PROXY: `http://${proxy.host}`,
      NODE_EXTRA_CA_CERTS: certificate,
    },
  });
  expect(stderr).toBe("config.json: 2 B");
  expect(stdout.trim()).toBe(join(model, "snapshots", commit));
  expect(exitCode).toBe(0);
  expect(new Set(proxy.requests)).toEqual(new Set(["CONNECT hub.invalid:443"]));
});
