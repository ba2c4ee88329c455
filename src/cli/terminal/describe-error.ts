import { systemSentence } from "../../files/reading/system-error.ts";

/** An error as a sentence for people. What the operating system or Node.js says in its own words is told in ours. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return systemSentence(error) ?? error.message;
}
