import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { ChatServer } from "../../test/fixtures/chat-server.ts";
import { ProxyServer } from "../../test/fixtures/proxy-server.ts";
import { ChatEndpoint } from "./chat-endpoint.ts";

let server: ChatServer;
let proxy: ProxyServer;
beforeEach(async () => {
  server = await ChatServer.start();
  proxy = await ProxyServer.start();
  for (const name of ["http_proxy", "no_proxy", "NO_PROXY"]) vi.stubEnv(name, undefined);
  vi.stubEnv("HTTP_PROXY", `http://${proxy.host}`);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await server[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  });
});

const describing = (url: string, apiKey?: string): Promise<unknown> =>
  new ChatEndpoint({ url, model: "llava", apiKey }).describe(Buffer.from("jpeg"), "Describe");

describe("ChatEndpoint behind a proxy", () => {
  it("asks through it, and this machine without it", async () => {
    const away = server.url.replace("127.0.0.1", "vision.invalid");
    expect(await describing(away, "sk-1")).toMatchObject({ caption: "dense 0" });
    expect(proxy.requests).toEqual([`POST ${away}/chat/completions`]);
    expect(server.requests[0]?.authorization).toBe("Bearer sk-1");
    expect(server.requests[0]?.picture.toString()).toBe("jpeg");
    expect(await describing(server.url)).toMatchObject({ caption: "dense 1" });
    expect(proxy.requests).toHaveLength(1);
  });

  it("names it where it lets nobody through, and ends the run then", async () => {
    proxy.refusal = 407;
    await expect(describing("http://vision.invalid/v1")).rejects.toMatchObject({
      fault: "endpoint",
      message: `http://vision.invalid/v1/chat/completions could not be reached through the proxy ${proxy.host} of HTTP_PROXY (the proxy answers 407); check its address and HTTP_PROXY, and that the server is running`,
    });
  });
});
