import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import { replaceFileSync } from "../../files/replace-file.ts";
import { CONFIG_FILE, IDENTITY_FILE } from "./run-files.ts";

/** What a run folder says of itself. */
interface RunIdentity {
  readonly id: string;
  /** Hash of its config as the run itself has written it; null where that is not known. */
  readonly config: string | null;
}

const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Whether a run's config is as the run itself has written it. */
export const isConfigOwn = (run: string): boolean =>
  readIdentity(run)?.config === hashOf(readFileSync(join(run, CONFIG_FILE), "utf8"));

/** What tells the run of a folder from all others; undefined where an earlier release began it. Throws BadFileError. */
export function readIdentity(run: string): RunIdentity | undefined {
  const path = join(run, IDENTITY_FILE);
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, "utf8");
  try {
    const { id, config } = JSON.parse(text) as Partial<Record<keyof RunIdentity, unknown>>;
    if (typeof id === "string") return { id, config: typeof config === "string" ? config : null };
  } catch {
    // As for what is no text.
  }
  const advice = "delete it: the run then takes the identity of its newest checkpoint";
  throw new BadFileError(path, "id", "the identity of the run", quote(text), advice);
}

/**
 * Keeps a run's identity.
 * @param config the text of its config where the run itself writes that
 */
export function writeIdentity(run: string, id: string, config?: string): void {
  const identity: RunIdentity = { id, config: config === undefined ? null : hashOf(config) };
  replaceFileSync(join(run, IDENTITY_FILE), `${JSON.stringify(identity)}\n`);
}
