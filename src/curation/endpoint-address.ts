import { expected, InvalidValueError } from "../errors/index.ts";

const ROUTE = "/chat/completions";

/**
 * The URL that requests are sent to. Endpoints are given like OPENAI_BASE_URL, `http://host:8000/v1`; a full URL with
 * `/chat/completions` is used as it is, and a host without a path gets `/v1`. Throws for anything else.
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

/** The form of a URL in messages: without its query, which may contain a key. */
export const shownAddress = ({ origin, pathname }: URL): string => origin + pathname;

/** The key in an environment variable, for the `Authorization` header. Throws if it can't be one, without showing it. */
export function keyFrom(variable: string, environment: NodeJS.ProcessEnv = process.env): string {
  const key = environment[variable]?.trim() ?? "";
  if (key === "") {
    throw new InvalidValueError(
      `Expected a key in the environment variable ${variable} but it is ${environment[variable] === undefined ? "not set" : "empty"}`,
    );
  }
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new InvalidValueError(
      `Expected one word of plain ASCII in the environment variable ${variable} but it contains spaces or other characters`,
    );
  }
  return key;
}
