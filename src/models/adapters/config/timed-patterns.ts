import vm from "node:vm";
import { expected, InvalidValueError } from "../../../errors/index.ts";
import { pythonPattern } from "./python-pattern.ts";

/** Of all patterns of an adapter's field with all names: what PEFT users write takes a hundredth of it. */
const MOST_MS = 1000;
const LONGEST = 10_000;

/** What the search goes through, and where it is. */
interface Search {
  readonly patterns: readonly RegExp[];
  readonly name: string;
  at: number;
}

const sandbox = vm.createContext(Object.create(null));
/** All patterns in one call: what can be broken off takes a tenth of a millisecond to begin. */
const script = new vm.Script(`(({ patterns, name }) => {
  for (search.at = 0; search.at < patterns.length; search.at++) {
    const found = patterns[search.at].exec(name);
    if (found !== null) return found;
  }
  return null;
})(search)`);

/** Regular expressions of Python's from one field of a stranger's file: no name keeps them at work for long. */
export class TimedPatterns {
  readonly #field: string;
  readonly #sources: readonly string[];
  readonly #patterns: readonly RegExp[];
  #leftMs = MOST_MS;

  /** Throws as {@link pythonPattern} does, and for one that is too long. */
  constructor(sources: readonly string[], field: string) {
    this.#field = field;
    this.#sources = sources;
    this.#patterns = sources.map((source) => {
      if (source.length <= LONGEST) return pythonPattern(source, field);
      throw expected(
        `a regular expression of at most ${LONGEST} characters`,
        field,
        `one of ${source.length}`,
      );
    });
  }

  /** The first that matches a name, and what it found. Throws where all calls together have taken too long. */
  firstMatch(
    name: string,
  ): { readonly index: number; readonly found: RegExpExecArray } | undefined {
    if (this.#patterns.length === 0) return undefined;
    const search: Search = { patterns: this.#patterns, name, at: 0 };
    sandbox.search = search;
    // Where the clock ran on and this process did not, it is tried again with the time that is left.
    while (this.#leftMs > 0) {
      const took = stopwatch();
      try {
        const timeout = Math.ceil(this.#leftMs);
        const found: RegExpExecArray | null = script.runInContext(sandbox, { timeout });
        return found === null ? undefined : { index: search.at, found };
      } catch (error) {
        const { code, name: kind } = error as NodeJS.ErrnoException;
        // Nested repetitions may also fill the stack, in the sandbox's own kind of error.
        if (kind === "RangeError") break;
        if (code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
      } finally {
        this.#leftMs -= took();
      }
    }
    throw this.#tooLong(search);
  }

  test(name: string): boolean {
    return this.firstMatch(name) !== undefined;
  }

  #tooLong({ at }: Search): Error {
    const source = this.#sources[Math.min(at, this.#sources.length - 1)] ?? "";
    this.#leftMs = 0;
    return new InvalidValueError(
      `Expected regular expressions that take less than ${MOST_MS / 1000} s for ${this.#field} but received ${JSON.stringify(source.slice(0, 120))}: write them without repeating what is repeated already`,
    );
  }
}

/**
 * Milliseconds of this thread's work since now, at most: it works no longer than time goes by, and no more than the process does.
 * A machine that is busy or suspended meanwhile makes nobody's patterns slow.
 */
function stopwatch(): () => number {
  const start = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return Math.min(performance.now() - start, (user + system) / 1000);
  };
}
