import { describe, expect, it } from "vitest";
import { InvalidValueError } from "../../errors/index.ts";
import { proxyFor, throughProxy } from "./proxy.ts";

const https = "http://proxy.example:3128";
const http = "http://proxy.example:8080";
const named = (address: string, variables: Record<string, string> = {}): string | undefined =>
  proxyFor(new URL(address), { HTTPS_PROXY: https, HTTP_PROXY: http, ...variables })?.url.origin;

describe("proxyFor", () => {
  it("takes the variable of the address's protocol, in lower case first", () => {
    expect(named("https://huggingface.co/a")).toBe(https);
    expect(named("http://mirror.example")).toBe(http);
    expect(named("https://huggingface.co", { https_proxy: "http://other:1" })).toBe(
      "http://other:1",
    );
    expect(named("https://huggingface.co", { https_proxy: "" })).toBeUndefined();
    const hub = new URL("https://huggingface.co");
    expect(proxyFor(hub, {})).toBeUndefined();
    expect(proxyFor(hub, { HTTP_PROXY: http })).toBeUndefined();
    expect(proxyFor(hub, { https_proxy: https })?.source).toBe("https_proxy");
  });

  it("takes an address without a protocol for one of http", () => {
    expect(named("https://huggingface.co", { HTTPS_PROXY: " proxy:3128 " })).toBe(
      "http://proxy:3128",
    );
    expect(named("https://huggingface.co", { HTTPS_PROXY: "me:secret@proxy" })).toBe(
      "http://proxy",
    );
  });

  it.each(["socks5://proxy:1080", "http://", "http://a b"])(
    "refuses %j, without showing it",
    (value) => {
      expect(() => named("https://huggingface.co", { HTTPS_PROXY: value })).toThrow(
        new InvalidValueError(
          "Expected the http or https address of a proxy for HTTPS_PROXY but received something else; correct it, or unset it",
        ),
      );
    },
  );

  it.each([
    "http://localhost:8000/v1",
    "http://box.localhost",
    "http://127.0.0.1:7470",
    "http://127.1.2.3",
    "http://[::1]:8000",
  ])("needs none for this machine: %s", (address) => {
    expect(named(address)).toBeUndefined();
  });

  it.each([
    ["huggingface.co", "https://huggingface.co"],
    ["HuggingFace.co", "https://huggingface.co"],
    ["huggingface.co", "https://cdn.huggingface.co"],
    [".huggingface.co", "https://cdn.huggingface.co"],
    ["*.huggingface.co", "https://cdn.huggingface.co"],
    ["a.example, huggingface.co", "https://huggingface.co"],
    ["a.example huggingface.co", "https://huggingface.co"],
    ["huggingface.co:443", "https://huggingface.co"],
    ["mirror:8080", "http://mirror:8080"],
    ["*", "https://huggingface.co"],
    ["10.1.2.3", "http://10.1.2.3:8000"],
    ["10.0.0.0/8", "http://10.1.2.3:8000"],
    ["10.1.2.3:8000", "http://10.1.2.3:8000"],
    ["fd00::1", "http://[fd00::1]:8000"],
    ["[fd00::1]:8000", "http://[fd00::1]:8000"],
    ["fd00::/8", "http://[fd00::1]:8000"],
  ])("leaves it out where NO_PROXY is %j and the address is %s", (NO_PROXY, address) => {
    expect(named(address, { NO_PROXY })).toBeUndefined();
    expect(named(address, { NO_PROXY: "", no_proxy: NO_PROXY })).toBeUndefined();
    expect(named(address, { NO_PROXY, no_proxy: "" })).toBeDefined();
  });

  it.each([
    ["", "https://huggingface.co"],
    ["notthehuggingface.co", "https://huggingface.co"],
    ["face.co", "https://huggingface.co"],
    ["cdn.huggingface.co", "https://huggingface.co"],
    ["huggingface.co:80", "https://huggingface.co"],
    ["mirror:8080", "http://mirror"],
    ["2.3", "http://10.1.2.3:8000"],
    ["10.0.0.0/16", "http://10.1.2.3:8000"],
    ["10.0.0.0/99", "http://10.1.2.3:8000"],
    ["10.0.0.0/8", "https://huggingface.co"],
    ["fd00::/8", "http://10.1.2.3:8000"],
    ["., ,*.", "https://huggingface.co"],
  ])("takes it where NO_PROXY is %j and the address is %s", (NO_PROXY, address) => {
    expect(named(address, { NO_PROXY })).toBeDefined();
  });
});

it("messages name a proxy by its host and its variable, and show no password", () => {
  const proxy = proxyFor(new URL("https://hub"), { HTTPS_PROXY: "http://me:secret@proxy:3128" });
  expect(throughProxy(proxy)).toBe(" through the proxy proxy:3128 of HTTPS_PROXY");
  expect(throughProxy(undefined)).toBe("");
});
