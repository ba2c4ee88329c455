#!/usr/bin/env node
import { CommanderError } from "commander";
import { heedNohup } from "../distributed/stop-signals.ts";
import { createProgram, usageMessage } from "./program.ts";
import { describeError } from "./terminal/describe-error.ts";
import { guardOutput } from "./terminal/output.ts";
import { UsageError } from "./terminal/usage-error.ts";

const EXIT = { failed: 1, usage: 2 } as const;

/** The message for people; the stack instead if PIXART_STACK is set. */
function messageOf(error: unknown): string | undefined {
  if (error instanceof CommanderError) return usageMessage(error);
  if (process.env.PIXART_STACK && error instanceof Error) return error.stack;
  return describeError(error);
}

function complain(error: unknown): void {
  const text = messageOf(error);
  if (text !== undefined) process.stderr.write(`pixart: ${text}\n`);
}

guardOutput();
heedNohup();
// Errors that no one awaits.
process.on("uncaughtException", (error) => {
  complain(error);
  process.exit(EXIT.failed);
});
try {
  await createProgram().parseAsync();
} catch (error) {
  complain(error);
  const isUsage = error instanceof UsageError || error instanceof CommanderError;
  // Requested help is not an error.
  if (!(error instanceof CommanderError && error.exitCode === 0))
    process.exitCode = isUsage ? EXIT.usage : EXIT.failed;
}
