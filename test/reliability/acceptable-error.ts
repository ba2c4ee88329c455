import { ConfigError } from "../../src/config/index.ts";
import { ERROR_CODES, InternalError } from "../../src/errors/index.ts";
import { HubError } from "../../src/hub/index.ts";
import { ImageError } from "../../src/images/index.ts";
import { MissingFactError } from "../../src/models/index.ts";
import { BadFileError } from "../../src/weights/index.ts";

/** Classes that always say what is wrong with a file, and where. */
const TYPED = [BadFileError, ImageError, ConfigError, MissingFactError, HubError];
/** What the language says of a value that it did not expect, wherever that is repeated; of JSON it says where it is none. */
const RAW =
  /Cannot (read|set|convert|destructure|mix)|is not (a function|iterable|defined|a constructor)|Invalid (array|typed array|string|array buffer) length|outside the bounds|out of bounds|Maximum call stack|BigInt|Offset is/;
/** Sentences of arguments that are wrong, whatever the class. */
const ARGUMENT = /\bexpected\b|^The weights do not fit /i;

/** What is wrong with an error as an answer to a damaged file; undefined for a sentence that says what was expected, or where. */
export function faultOf(error: unknown, folder: string): string | undefined {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  const { name, message } = error;
  const shown = `${name}: ${message.split("\n")[0]?.slice(0, 200).replaceAll(folder, "FOLDER")}`;
  if (RAW.test(message)) return `repeats what the language says: ${shown}`;
  if (error instanceof InternalError) return `blames itself: ${shown}`;
  if (TYPED.some((type) => error instanceof type)) return undefined;
  // What Node and the system say when they are asked for what they can't do.
  const { code } = error as NodeJS.ErrnoException;
  const isOwn = code !== undefined && Object.hasOwn(ERROR_CODES, code);
  if ("errno" in error || (code !== undefined && !isOwn))
    return `raw error of the system: ${shown}`;
  const isRaw = error instanceof SyntaxError || error instanceof ReferenceError;
  const isSentence = ARGUMENT.test(message) || (isOwn && message.includes(folder));
  return !isRaw && isSentence ? undefined : `no sentence: ${shown}`;
}
