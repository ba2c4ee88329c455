#!/usr/bin/env node
import { CommanderError } from "commander";
import { endWithReaders } from "./closed-pipes.ts";
import { createProgram, usageMessage } from "./program.ts";
import { UsageError } from "./usage-error.ts";

const EXIT = { failed: 1, usage: 2 } as const;

/** A message for people; the stack is for those who ask for it. */
function messageOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof CommanderError) return usageMessage(error);
  return process.env.PIXART_STACK ? error.stack : error.message;
}

endWithReaders();
try {
  await createProgram().parseAsync();
} catch (error) {
  const text = messageOf(error);
  if (text !== undefined) process.stderr.write(`pixart: ${text}\n`);
  const isUsage = error instanceof UsageError || error instanceof CommanderError;
  // Help that was asked for is no error.
  if (!(error instanceof CommanderError && error.exitCode === 0))
    process.exitCode = isUsage ? EXIT.usage : EXIT.failed;
}
