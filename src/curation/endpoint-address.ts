import { expected, InvalidValueError } from "../errors/index.ts";

const ROUTE = "/chat/completions";

/**
 * The address that requests go to. Endpoints are named as OPENAI_BASE_URL is, `http://host:8000/v1`;
 * the whole address with `/chat/completions` is taken as it is, and a host alone gets `/v1`. Throws for what is no such address.
 */
export function endpointAddress(given: string): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw expected(
      "an address such as http://localhost:8000/v1",
      "endpoint",
      JSON.stringify(given),
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw new InvalidValueError(
      `Expected an address without user name and password for endpoint but received one for ${url.host} that has them; give a key through an environment variable`,
    );
  }
  const path = url.pathname.replace(/\/+$/, "");
  url.pathname = path.endsWith(ROUTE) ? path : `${path || "/v1"}${ROUTE}`;
  url.hash = "";
  return url;
}

/** How messages name an address: without its query, which may hold a key. */
export const shownAddress = ({ origin, pathname }: URL): string => origin + pathname;

/** The key in an environment variable, for the `Authorization` header. Throws where it can't be one, without showing it. */
export function keyFrom(variable: string, environment: NodeJS.ProcessEnv = process.env): string {
  const key = environment[variable]?.trim() ?? "";
  if (key === "") {
    throw new InvalidValueError(
      `Expected a key in the environment variable ${variable} but it is ${environment[variable] === undefined ? "not set" : "empty"}`,
    );
  }
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new InvalidValueError(
      `Expected one word of plain ASCII in the environment variable ${variable} but it holds blanks or other letters`,
    );
  }
  return key;
}
