import { BlockList, isIP } from "node:net";
import { InvalidValueError } from "../../errors/index.ts";

/** A proxy that the environment names. */
export interface HttpProxy {
  /** Its address. Never shown: it may hold a password. */
  readonly url: URL;
  /** The variable that names it. */
  readonly source: string;
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The proxy that the environment names for an address, read as by pip and curl: `HTTPS_PROXY` or `HTTP_PROXY`, and `NO_PROXY` for
 * what is reached without one. The names in lower case win. This machine needs no proxy. Throws InvalidValueError for a proxy
 * whose address is none.
 */
export function proxyFor(url: URL, variables: Variables = process.env): HttpProxy | undefined {
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const source = [name.toLowerCase(), name].find((each) => variables[each] !== undefined);
  const value = source === undefined ? undefined : variables[source]?.trim();
  if (source === undefined || !value) return undefined;
  const host = hostOf(url);
  if (isThisMachine(host)) return undefined;
  const exceptions = variables.no_proxy ?? variables.NO_PROXY ?? "";
  if (exceptions.split(/[\s,]+/).some((entry) => covers(entry, host, url))) return undefined;
  return { url: proxyUrl(source, value), source };
}

/** The words that name the proxy of a failed request: ` through the proxy HOST:PORT of VARIABLE`; empty without one. */
export const throughProxy = (proxy: HttpProxy | undefined): string =>
  proxy === undefined ? "" : ` through the proxy ${proxy.url.host} of ${proxy.source}`;

function proxyUrl(source: string, value: string): URL {
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url;
  throw new InvalidValueError(
    `Expected the http or https address of a proxy for ${source} but received something else; correct it, or unset it`,
  );
}

/** Without the brackets of IPv6. */
const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, "");

const isThisMachine = (host: string): boolean =>
  /^(.*\.)?localhost$/.test(host) || isIn(host, "127.0.0.0", 8) || host === "::1";

/** Whether an entry of `NO_PROXY` stands for an address: `*`, a name and those below it, an IP address or a network. */
function covers(entry: string, host: string, { port, protocol }: URL): boolean {
  if (entry === "*") return true;
  const [, name = entry, only] = /^([^:]+|\[.*\]):(\d+)$/.exec(entry) ?? [];
  if (only !== undefined && only !== (port || (protocol === "https:" ? "443" : "80"))) return false;
  const [, network, bits] = /^(.+)\/(\d{1,3})$/.exec(name) ?? [];
  if (network !== undefined) return isIn(host, network, Number(bits));
  const plain = name.replace(/^\*?\.|^\[|\]$/g, "").toLowerCase();
  return plain !== "" && (host === plain || (isIP(host) === 0 && host.endsWith(`.${plain}`)));
}

function isIn(host: string, network: string, bits: number): boolean {
  const version = isIP(network);
  if (version === 0 || version !== isIP(host) || bits > (version === 4 ? 32 : 128)) return false;
  const family = version === 4 ? "ipv4" : "ipv6";
  const addresses = new BlockList();
  addresses.addSubnet(network, bits, family);
  return addresses.check(host, family);
}
