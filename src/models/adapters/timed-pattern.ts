import vm from "node:vm";
import { pythonPattern } from "./python-pattern.ts";

/** Names have about a hundred characters: trying each for each of so many quantifiers takes milliseconds. */
const HARMLESS_QUANTIFIERS = 4;
/** Of all patterns of an adapter's field with all names: what PEFT users write takes a hundredth of it. */
const MOST_MS = 1500;
/** What it takes to run something that can be broken off, which is not the pattern's doing. */
const OVERHEAD_MS = 0.05;
const LONGEST = 10_000;

const sandbox = vm.createContext(Object.create(null));
const script = new vm.Script("pattern.exec(name)");

/** How long the patterns of one field may still take. */
export class PatternTime {
  #left = MOST_MS;

  /** What `run` gives. Throws where it, or what ran before it, takes too long; `what` says what of. */
  measure<T>(what: string, run: (mostMs: number) => T): T {
    const start = performance.now();
    try {
      return run(Math.max(1, Math.ceil(this.#left)));
    } catch (error) {
      const { code, name } = error as NodeJS.ErrnoException;
      // Nested repetitions may also fill the stack, in the sandbox's own kind of error.
      if (code !== "ERR_SCRIPT_EXECUTION_TIMEOUT" && name !== "RangeError") throw error;
      return this.#fail(what);
    } finally {
      this.#left -= Math.max(OVERHEAD_MS / 10, performance.now() - start - OVERHEAD_MS);
      if (this.#left < 0) this.#fail(what);
    }
  }

  #fail(what: string): never {
    throw new Error(
      `Expected regular expressions that take less than ${MOST_MS / 1000} s for ${what}: write them without repeating what is repeated already`,
    );
  }
}

/** A regular expression of Python's from a stranger's file: no name keeps it at work for long. */
export class TimedPattern {
  readonly #pattern: RegExp;
  readonly #isHarmless: boolean;
  readonly #time: PatternTime;
  readonly #what: string;

  /** Throws as {@link pythonPattern} does, and for one that is too long. */
  constructor(source: string, field: string, time: PatternTime) {
    if (source.length > LONGEST) {
      throw new Error(
        `Expected a regular expression of at most ${LONGEST} characters for ${field} but received one of ${source.length}`,
      );
    }
    this.#pattern = pythonPattern(source, field);
    this.#isHarmless = isHarmless(source);
    this.#time = time;
    this.#what = `${field} but received ${JSON.stringify(source.slice(0, 120))}`;
  }

  /** As RegExp's. Throws where all of the field's patterns together have taken too long. */
  exec(name: string): RegExpExecArray | null {
    const pattern = this.#pattern;
    return this.#time.measure(this.#what, (mostMs) => {
      if (this.#isHarmless) return pattern.exec(name);
      Object.assign(sandbox, { pattern, name });
      return script.runInContext(sandbox, { timeout: mostMs });
    });
  }

  test(name: string): boolean {
    return this.exec(name) !== null;
  }
}

/**
 * Whether matching takes at most a small power of a name's length: few quantifiers, none of what can be matched in several ways,
 * and nothing that refers to what was found.
 */
function isHarmless(source: string): boolean {
  if (/\\\d|\(\?P=/.test(source)) return false;
  const plain = source
    .replace(/\\./gs, "a")
    .replace(/\[\^?\]?[^\]]*\]/g, "a")
    .replace(/\(\?/g, "(");
  const quantifiers = plain.match(/[*+?]\??|\{[\d,]*\}\??/g) ?? [];
  return quantifiers.length <= HARMLESS_QUANTIFIERS && !hasRepeatedChoice(plain);
}

/** Whether a group with a choice inside, be it how often, may occur more than once. */
function hasRepeatedChoice(plain: string): boolean {
  const choices: boolean[] = [];
  for (let at = 0; at < plain.length; at++) {
    const character = plain[at] ?? "";
    if (character === "(") choices.push(false);
    else if (/[*+{?|]/.test(character)) choices.fill(true);
    else if (character === ")" && choices.pop() === true && /[*+{]/.test(plain[at + 1] ?? "")) {
      return true;
    }
  }
  return false;
}
