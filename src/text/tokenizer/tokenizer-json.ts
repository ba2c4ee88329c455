import { existsSync } from "node:fs";
import type { z } from "zod";
import { BadFileError, quote } from "../../files/reading/errors.ts";
import { requireShallow } from "../../files/reading/python-json.ts";
import { refuseStandIn } from "../../files/reading/stand-in.ts";
import { listsIn } from "../../files/reading/strict-json.ts";
import { LARGEST_FILE, readWhole } from "../../files/reading/whole-file.ts";

/** Twice the pieces of umT5, which has the largest vocabulary of this kind: 256,384. */
const MOST_PIECES = 2 ** 19;
/** One list per piece, and some more. */
const MOST_LISTS = MOST_PIECES + 1000;

/** Throws BadFileError for more pieces or added tokens than vocabularies of this kind have. */
export function requireFew(path: string, place: string, count: number): void {
  if (count <= MOST_PIECES) return;
  throw new BadFileError(path, place, `at most ${MOST_PIECES}`, `${count}`);
}

function requireFewLists(path: string, content: string): void {
  const lists = listsIn(content);
  if (lists <= MOST_LISTS) return;
  throw new BadFileError(path, "the whole file", `at most ${MOST_PIECES} lists`, `${lists}`);
}

/** The possibly long lists, which are counted before their entries are checked. */
function listsOf(value: unknown): readonly (readonly unknown[])[] {
  const { added_tokens: added, model } = Object(value) as Readonly<Record<string, unknown>>;
  const { vocab } = Object(model) as Readonly<Record<string, unknown>>;
  return [added, vocab].filter((list) => Array.isArray(list));
}

/** {@link readJson} for a file that may be missing. */
export async function readJsonIfThere<T>(
  path: string,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  return existsSync(path) ? await readJson(path, schema) : undefined;
}

/**
 * Reads a JSON file of a tokenizer. Throws BadFileError with the position of what the schema rejects; long lists are counted
 * first.
 */
export async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  const limits = { expected: "a JSON file", atMost: LARGEST_FILE.tokenizer };
  const value = ((content: string): unknown => {
    refuseStandIn(path, "a JSON file", content);
    try {
      requireShallow(content);
      requireFewLists(path, content);
      return JSON.parse(content);
    } catch (error) {
      if (error instanceof BadFileError) throw error;
      const found = error instanceof Error ? error.message : quote(error);
      throw new BadFileError(path, "the whole file", "JSON", found);
    }
  })((await readWhole(path, limits)).toString("utf8"));
  for (const list of listsOf(value)) requireFew(path, "list", list.length);
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const place = issue?.path.join(".") || "the whole file";
  throw new BadFileError(path, place, issue?.message ?? "another value", quote(issue?.input));
}
