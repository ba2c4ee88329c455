import { type Command, CommanderError } from "commander";
import { distance } from "fastest-levenshtein";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createProgram, usageMessage } from "./program.ts";

afterEach(() => vi.restoreAllMocks());

/** A command and all below it. */
const allOf = (command: Command): Command[] => [command, ...command.commands.flatMap(allOf)];
const pathOf = (command: Command): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
/** What `--help` prints. */
function helpOf(command: Command): string {
  const texts: string[] = [];
  command.configureOutput({ writeOut: (text) => texts.push(text) });
  command.outputHelp();
  return texts.join("");
}
/** The examples in a help text, as words after `npx pixart`. */
const examplesIn = (help: string): string[][] =>
  [...help.matchAll(/^ {2}npx pixart (.+?)(?: > \S+)?$/gm)].map(([, line = ""]) =>
    [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map((found) => found.slice(1).join("")),
  );

const commands = allOf(createProgram()).map((command) => [pathOf(command), command] as const);

describe("every command's help", () => {
  it.each(commands)(
    "of %s has an example that the command line understands",
    async (path, command) => {
      const examples = examplesIn(helpOf(command));
      expect(examples.length, path).toBeGreaterThan(0);
      for (const words of examples) {
        const program = createProgram();
        const called: string[] = [];
        for (const each of allOf(program).filter(({ commands }) => commands.length === 0))
          each.action(() => {
            called.push(pathOf(each));
          });
        if (words.includes("--help")) continue;
        await program.parseAsync(words, { from: "user" });
        const isGroup = command.commands.length > 0;
        expect(called, words.join(" ")).toEqual([isGroup ? expect.stringContaining(path) : path]);
      }
    },
  );

  it("marks the options that must be given", () => {
    const required = commands.flatMap(([path, command]) =>
      helpOf(command).includes("(required)") ? [path] : [],
    );
    expect(required).toEqual([
      "pixart dataset convert",
      "pixart caption",
      "pixart finetune",
      "pixart embed",
      "pixart convert",
      "pixart simulate",
    ]);
    expect(helpOf(commands[0]?.[1] ?? createProgram())).toMatch(/-V, --version/);
  });
});

it("gives its reports as JSON, where a command is not one for people alone", () => {
  const without = commands.flatMap(([path, command]) =>
    command.commands.length > 0 || command.options.some(({ long }) => long === "--json")
      ? []
      : [path],
  );
  // The second prints JSON, the third logs it, and the last writes a page for people.
  expect(without).toEqual([
    "pixart setup",
    "pixart config",
    "pixart serve",
    "pixart studio",
    "pixart report",
  ]);
});

it("has no two commands of nearly the same name", () => {
  const names = commands
    .filter(([, command]) => command.parent?.parent === null)
    .map(([, command]) => command.name());
  const near = names.flatMap((a, i) =>
    names.slice(i + 1).flatMap((b) => (distance(a, b) < 3 ? [`${a} and ${b}`] : [])),
  );
  expect(near).toEqual([]);
});

describe("a usage error", () => {
  const errorOf = async (...words: string[]): Promise<CommanderError> => {
    vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const error = await createProgram()
      .parseAsync(words, { from: "user" })
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    if (error instanceof CommanderError) return error;
    throw new Error("no usage error");
  };

  it.each([
    [
      ["sample", "m", "p", "--stepz", "3"],
      "Expected a known option but received --stepz (did you mean --steps?)",
    ],
    [["sample", "m", "p", "--wat"], "Expected a known option but received --wat"],
    [
      ["smaple"],
      "Expected one of the commands that --help lists but received smaple (did you mean sample?)",
    ],
    [
      ["runs", "lst"],
      "Expected one of the commands that --help lists but received lst (did you mean list?)",
    ],
    [["sample"], "Expected <model> but received nothing"],
    [["convert", "a", "b"], "Expected --to <layout> but received nothing"],
    [["sample", "m", "p", "--out"], "Expected <place> after --out but received nothing"],
    [
      ["sample", "m", "p", "--steps", "abc"],
      "Expected a whole number from 1 for --steps but received abc",
    ],
    [["sample", "m", "p", "--guidance", ""], "Expected a number for --guidance but received "],
    [
      ["simulate", "--gpus", "8", "--show", "foo"],
      "Expected one of step, time, checkpoints, storage, assumptions for --show but received foo",
    ],
    [
      ["dataset", "check", "my", "pictures"],
      "Expected 1 argument for check but received 2. Put arguments that contain spaces in quotes",
    ],
  ])("of %j is said as the commands say theirs", async (words, message) => {
    const error = await errorOf(...words);
    expect(usageMessage(error)).toBe(message);
    expect(error.exitCode).not.toBe(0);
  });

  it.each([["--help"], ["-v"], ["-V"], ["--version"], ["sample", "--help"]])(
    "is not %s, nor is anything said of it",
    async (...words) => {
      vi.spyOn(process.stdout, "write").mockReturnValue(true);
      const error = await errorOf(...words);
      expect([error.exitCode, usageMessage(error)]).toEqual([0, undefined]);
    },
  );
});
