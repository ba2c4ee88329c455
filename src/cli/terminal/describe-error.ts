import { systemSentence } from "../../files/reading/system-error.ts";

/** An error as a sentence for people. Errors of the operating system and of Node.js are reworded. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return systemSentence(error) ?? error.message;
}
