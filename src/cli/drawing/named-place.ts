import { existsSync } from "node:fs";
import type { NamedPlace } from "../../server/engine/engine-messages.ts";

const NAMED = /^(\w[\w.-]*)=(.+)$/s;

/** `name=place`; undefined for anything else. */
export function givenName(text: string): NamedPlace | undefined {
  const [, name, place] = NAMED.exec(text) ?? [];
  return name === undefined || place === undefined ? undefined : { name, place };
}

/**
 * A model by `name=place`, or by a place alone, which is named after its last part. A text that exists as a path is a place,
 * whatever it looks like.
 */
export function modelPlace(text: string): NamedPlace {
  const isPath = existsSync(text);
  const named = isPath ? undefined : givenName(text);
  if (named !== undefined) return named;
  const isHubName = /^[\w.-]+\/[\w.-]+$/.test(text) && !isPath;
  const last = text.replace(/\/+$/, "").split("/").at(-1) ?? text;
  return { name: isHubName ? text : last, place: text };
}
