import { extname } from "node:path";
import { moduleArguments } from "../files/processes/module-arguments.ts";
import type { Program } from "../studio/start/own-command.ts";

/** The command that runs this program, for commands that it starts itself. */
export function ownProgram(): Program {
  const main = new URL(`./main${extname(import.meta.url)}`, import.meta.url);
  return [process.execPath, ...moduleArguments(main)];
}
