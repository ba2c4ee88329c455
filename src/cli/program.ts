import { Command, CommanderError, Help, Option } from "commander";
import { description, version } from "../config/package-info.ts";
import { addCommands } from "./commands.ts";

/** The whole command line. Parsing rejects with a CommanderError if it ends early: after help, or for a usage error. */
export function createProgram(): Command {
  const program = new Command("pixart")
    .description(description)
    .version(version)
    .addOption(new Option("-v", "output the version number").hideHelp())
    .on("option:v", () => {
      process.stdout.write(`${version}\n`);
      throw new CommanderError(0, "commander.version", version);
    })
    .showSuggestionAfterError()
    .exitOverride()
    // main.ts prints errors, in the same style as the commands' own.
    .configureOutput({ outputError: () => {} })
    .configureHelp({ optionDescription: describeOption });
  addCommands(program);
  return program;
}

/** Marks required options, which commander shows like all others. */
function describeOption(option: Option): string {
  const text = Help.prototype.optionDescription(option);
  return option.mandatory ? `${text} (required)` : text;
}

/** commander's messages, each with its equivalent in the style of the commands' own. */
const SENTENCES: readonly (readonly [RegExp, (...found: string[]) => string])[] = [
  [
    /^unknown option '(.+?)'(?:\n\(Did you mean (.+)\?\))?$/s,
    (option = "", near = "") => `Expected a known option but received ${option}${meant(near)}`,
  ],
  [
    /^unknown command '(.+?)'(?:\n\(Did you mean (.+)\?\))?$/s,
    (command = "", near = "") =>
      `Expected one of the commands that --help lists but received ${command}${meant(near)}`,
  ],
  [/^missing required argument '(.+)'$/, (name) => `Expected <${name}> but received nothing`],
  [/^required option '(.+)' not specified$/, (option) => `Expected ${option} but received nothing`],
  [
    /^option '(.+)' argument missing$/,
    (option = "") =>
      `Expected ${placeholderOf(option)} after ${nameOf(option)} but received nothing`,
  ],
  [
    /^option '(.+?)' argument '(.*)' is invalid\. Allowed choices are (.+)\.$/s,
    (option = "", value, choices) =>
      `Expected one of ${choices} for ${nameOf(option)} but received ${value}`,
  ],
  [
    /^option '(.+?)' argument '(.*)' is invalid\. Expected (.+)\.$/s,
    (option = "", value, wanted) =>
      `Expected ${wanted} for ${nameOf(option)} but received ${value}`,
  ],
  [
    /^too many arguments(?: for '(.+)')?\. Expected (\d+) arguments? but got (\d+)\.$/,
    (command, wanted, found) =>
      `Expected ${wanted} argument${wanted === "1" ? "" : "s"} for ${command ?? "pixart"} but received ${found}. Put arguments that contain spaces in quotes`,
  ],
];

const meant = (near: string): string =>
  near === "" ? "" : ` (did you mean ${near.replace(/^one of /, "")}?)`;

/** `--out` of `-o, --out <folder>` */
const nameOf = (flags: string): string => /--[\w-]+/.exec(flags)?.[0] ?? flags;

/** `<folder>` of `--out <folder>` */
const placeholderOf = (flags: string): string => /<.+>/.exec(flags)?.[0] ?? "a value";

/** The message of a usage error; undefined if commander has shown help or the version instead. */
export function usageMessage({ code, message }: CommanderError): string | undefined {
  if (/^commander\.(help|version)/.test(code)) return undefined;
  const text = message.replace(/^error: /, "");
  for (const [pattern, sentence] of SENTENCES) {
    const [, ...found] = pattern.exec(text) ?? [];
    if (found.length > 0) return sentence(...found);
  }
  return text;
}
