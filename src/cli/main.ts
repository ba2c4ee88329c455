#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { addCommands } from "./commands.ts";

const { version, description } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as { version: string; description: string };

const program = new Command("pixart")
  .description(description)
  .version(version)
  .showSuggestionAfterError();
addCommands(program);

try {
  await program.parseAsync();
} catch (error) {
  // A message for people; the stack is for those who ask for it.
  const text =
    error instanceof Error
      ? process.env.PIXART_STACK
        ? error.stack
        : error.message
      : String(error);
  process.stderr.write(`pixart: ${text}\n`);
  process.exitCode = 1;
}
