import type { ProxyAgent, RequestInit as UndiciInit } from "undici";
import type { HttpProxy } from "./proxy.ts";

/** The agents of this process, by the addresses of their proxies: each keeps its connections open. */
const agents = new Map<string, ProxyAgent>();

/**
 * Like `fetch`, through a proxy if there is one. Only then undici is loaded: Node's own `fetch` knows no proxies before Node 24.
 * The body may be no form: undici has forms of its own.
 */
export async function fetchThrough(
  proxy: HttpProxy | undefined,
  url: URL,
  init: RequestInit,
): Promise<Response> {
  if (proxy === undefined) return fetch(url, init);
  // Its own fetch too: an agent fits only the fetch of the same release, and Node's is another one in each release of Node.
  const undici = await import("undici");
  const { href } = proxy.url;
  // Tunnels to http addresses are refused by many proxies, which allow them to port 443 only.
  const agent = agents.get(href) ?? new undici.ProxyAgent({ uri: href, proxyTunnel: false });
  agents.set(href, agent);
  return undici.fetch(url, { ...init, dispatcher: agent } as UndiciInit);
}

/** Why a request failed, in a few words: an error code, or what the proxy answered. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return reasonOf(error.cause);
  const { message, name, code } = error as NodeJS.ErrnoException;
  // In undici's words: its codes do not tell that it was the proxy.
  const status = /^Proxy (?:response|Authentication Required) \((\d{3})\)/.exec(message)?.[1];
  if (status !== undefined) return `the proxy answers ${status}`;
  if (typeof code === "string") return code;
  return name === "TimeoutError" ? "timeout" : message;
}
