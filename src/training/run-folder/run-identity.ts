import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import { replaceFileSync } from "../../files/replace-file.ts";
import { CONFIG_FILE, IDENTITY_FILE } from "./run-files.ts";

/** Contents of a run's identity file. */
interface RunIdentity {
  readonly id: string;
  /** Hash of the config that the run itself wrote; null if unknown. */
  readonly config: string | null;
}

const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Whether the config file is the one that the run itself wrote. */
export const isConfigOwn = (run: string): boolean =>
  readIdentity(run)?.config === hashOf(readFileSync(join(run, CONFIG_FILE), "utf8"));

/** The identity of the run in a folder; undefined if an earlier version created the run. Throws BadFileError. */
export function readIdentity(run: string): RunIdentity | undefined {
  const path = join(run, IDENTITY_FILE);
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, "utf8");
  try {
    const { id, config } = JSON.parse(text) as Partial<Record<keyof RunIdentity, unknown>>;
    if (typeof id === "string") return { id, config: typeof config === "string" ? config : null };
  } catch {
    // Handled like invalid text.
  }
  const advice = "delete it: the run then takes the identity of its newest checkpoint";
  throw new BadFileError(path, "id", "the identity of the run", quote(text), advice);
}

/**
 * Writes a run's identity.
 * @param config text of the config, if the run itself writes it
 */
export function writeIdentity(run: string, id: string, config?: string): void {
  const identity: RunIdentity = { id, config: config === undefined ? null : hashOf(config) };
  replaceFileSync(join(run, IDENTITY_FILE), `${JSON.stringify(identity)}\n`);
}
