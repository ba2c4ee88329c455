import vm from "node:vm";
import { expected, InvalidValueError } from "../../../errors/index.ts";
import { pythonPattern } from "./python-pattern.ts";

/** Time limit for all patterns of an adapter's field on all names: what PEFT users write takes a hundredth of it. */
const MOST_MS = 1000;
const LONGEST = 10_000;

/** Arguments of the search, and its current position. */
interface Search {
  readonly patterns: readonly RegExp[];
  readonly name: string;
  at: number;
}

const sandbox = vm.createContext(Object.create(null));
/** All patterns in one call: each interruptible call takes a tenth of a millisecond to start. */
const script = new vm.Script(`(({ patterns, name }) => {
  for (search.at = 0; search.at < patterns.length; search.at++) {
    const found = patterns[search.at].exec(name);
    if (found !== null) return found;
  }
  return null;
})(search)`);

/** Python regular expressions from one field of an untrusted file, matched under a time limit. */
export class TimedPatterns {
  readonly #field: string;
  readonly #sources: readonly string[];
  readonly #patterns: readonly RegExp[];
  #leftMs = MOST_MS;

  /** Throws as {@link pythonPattern} does, and for a pattern that is too long. */
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

  /** The first pattern that matches a name, and its match. Throws if all calls together have taken too long. */
  firstMatch(
    name: string,
  ): { readonly index: number; readonly found: RegExpExecArray } | undefined {
    if (this.#patterns.length === 0) return undefined;
    const search: Search = { patterns: this.#patterns, name, at: 0 };
    sandbox.search = search;
    // If the clock advanced but this process did not run, try again with the remaining time.
    while (this.#leftMs > 0) {
      const took = stopwatch();
      try {
        const timeout = Math.ceil(this.#leftMs);
        const found: RegExpExecArray | null = script.runInContext(sandbox, { timeout });
        return found === null ? undefined : { index: search.at, found };
      } catch (error) {
        const { code, name: kind } = error as NodeJS.ErrnoException;
        // Nested repetitions may also overflow the stack, which throws the sandbox's own error class.
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
      `Expected regular expressions that take less than ${MOST_MS / 1000} s for ${this.#field} but received ${JSON.stringify(source.slice(0, 120))}: write them without nested repetition`,
    );
  }
}

/**
 * Upper bound of the milliseconds that this thread has worked since now: at most the elapsed time and the process's CPU time. A
 * machine that is busy or suspended therefore makes no pattern slow.
 */
function stopwatch(): () => number {
  const start = performance.now();
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return Math.min(performance.now() - start, (user + system) / 1000);
  };
}
