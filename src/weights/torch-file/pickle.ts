import { PickleCursor, PickleEnd } from "./pickle-cursor.ts";
import {
  describeValue,
  OrderedPickleDict,
  PickleDict,
  PickleGlobal,
  PickleObject,
  PickleRefusal,
  PickleSet,
  PickleTuple,
  type PickleValue,
} from "./pickle-values.ts";

// Our own implementation instead of the package `pickleparser`, which cannot be made strict from outside. In its version 0.2.1
// DICT writes keys of the file's choice onto a JavaScript object, reduce and build call any function or method on the stack,
// tuples can be appended to, an empty stack and an unknown memo slot give undefined and parsing continues, and a LONG4 of n bytes
// costs n² steps. Here any opcode that no honest checkpoint has is refused, and so is anything in the wrong position.

/** Resolves the names and the persistent ids of a pickle. Both throw {@link PickleRefusal} for unknown ones. */
export interface PickleRules {
  readonly global: (module: string, name: string) => PickleGlobal;
  readonly persistent: (id: PickleValue) => PickleValue;
}

const PROTO = 0x80;
const STOP = 0x2e;

/**
 * Reads a pickle as data: nothing in it is executed, and names are only looked up in `rules`. Throws {@link PickleRefusal} for
 * anything but what Python's pickler writes for plain data at protocol 2 to 5.
 */
export function readPickle(bytes: Uint8Array, rules: PickleRules): PickleValue {
  const input = new PickleCursor(bytes);
  const value = readNextPickle(input, rules);
  if (input.rest > 0) throw new PickleRefusal("nothing after the end", `${input.rest} bytes`);
  return value;
}

/**
 * As {@link readPickle}, for one that others may follow: afterwards the cursor is at its end. Throws {@link PickleEnd} if it is
 * truncated.
 */
export const readNextPickle = (input: PickleCursor, rules: PickleRules): PickleValue =>
  new PickleMachine(input, rules).run();

class PickleMachine {
  readonly #input: PickleCursor;
  readonly #rules: PickleRules;
  readonly #stack: PickleValue[] = [];
  /** Stack heights of the open marks. */
  readonly #marks: number[] = [];
  readonly #memo: PickleValue[] = [];

  /** The opcodes with CPython's names (`Lib/pickle.py`). */
  readonly #steps: ReadonlyMap<number, () => void> = new Map([
    [0x4e, () => this.#push(null)], // NONE
    [0x88, () => this.#push(true)], // NEWTRUE
    [0x89, () => this.#push(false)], // NEWFALSE
    [0x4a, () => this.#push(this.#input.int32())], // BININT
    [0x4b, () => this.#push(this.#input.uint8())], // BININT1
    [0x4d, () => this.#push(this.#input.uint16())], // BININT2
    [0x8a, () => this.#push(this.#input.integer(this.#input.uint8()))], // LONG1
    [0x47, () => this.#push(this.#input.float64())], // BINFLOAT
    [0x58, () => this.#push(this.#input.text(this.#input.uint32()))], // BINUNICODE
    [0x8c, () => this.#push(this.#input.text(this.#input.uint8()))], // SHORT_BINUNICODE
    [0x42, () => this.#push(this.#input.bytes(this.#input.uint32()))], // BINBYTES
    [0x43, () => this.#push(this.#input.bytes(this.#input.uint8()))], // SHORT_BINBYTES

    [0x28, () => this.#marks.push(this.#stack.length)], // MARK
    [0x29, () => this.#push(new PickleTuple([]))], // EMPTY_TUPLE
    [0x85, () => this.#push(new PickleTuple(this.#popSome(1)))], // TUPLE1
    [0x86, () => this.#push(new PickleTuple(this.#popSome(2)))], // TUPLE2
    [0x87, () => this.#push(new PickleTuple(this.#popSome(3)))], // TUPLE3
    [0x74, () => this.#push(new PickleTuple(this.#popMark()))], // TUPLE
    [0x5d, () => this.#push([])], // EMPTY_LIST
    [0x61, () => this.#append(this.#popSome(1))], // APPEND
    [0x65, () => this.#append(this.#popMark())], // APPENDS
    [0x7d, () => this.#push(new PickleDict())], // EMPTY_DICT
    [0x73, () => this.#setItems(this.#popSome(2))], // SETITEM
    [0x75, () => this.#setItems(this.#popMark())], // SETITEMS
    [0x8f, () => this.#push(new PickleSet([]))], // EMPTY_SET
    [0x90, () => this.#addItems(this.#popMark())], // ADDITEMS
    [0x91, () => this.#push(new PickleSet(this.#popMark()))], // FROZENSET

    [0x71, () => this.#put(this.#input.uint8())], // BINPUT
    [0x72, () => this.#put(this.#input.uint32())], // LONG_BINPUT
    [0x94, () => this.#put(this.#memo.length)], // MEMOIZE
    [0x68, () => this.#get(this.#input.uint8())], // BINGET
    [0x6a, () => this.#get(this.#input.uint32())], // LONG_BINGET
    [0x95, () => this.#frame()], // FRAME

    [0x63, () => this.#push(this.#rules.global(this.#input.line(), this.#input.line()))], // GLOBAL
    [0x93, () => this.#stackGlobal()], // STACK_GLOBAL
    [0x51, () => this.#push(this.#rules.persistent(this.#pop()))], // BINPERSID
    [0x52, () => this.#reduce()], // REDUCE
    [0x81, () => this.#newObject()], // NEWOBJ
    [0x62, () => this.#build()], // BUILD
  ]);

  constructor(input: PickleCursor, rules: PickleRules) {
    this.#input = input;
    this.#rules = rules;
  }

  run(): PickleValue {
    if (this.#input.uint8() !== PROTO) {
      throw new PickleRefusal("a protocol number first", "another opcode");
    }
    const protocol = this.#input.uint8();
    if (protocol < 2 || protocol > 5) throw new PickleRefusal("protocol 2 to 5", `${protocol}`);
    for (;;) {
      const opcode = this.#input.uint8();
      if (opcode === STOP) return this.#finish();
      const step = this.#steps.get(opcode);
      if (step === undefined) {
        const code = `0x${opcode.toString(16).padStart(2, "0")}`;
        const place = `${code} at byte ${this.#input.position - 1}`;
        throw new PickleRefusal("an opcode that plain data needs", place);
      }
      step();
    }
  }

  #finish(): PickleValue {
    const value = this.#pop();
    if (this.#stack.length > 0 || this.#marks.length > 0) {
      throw new PickleRefusal("one value at the end", "others below it");
    }
    return value;
  }

  #reduce(): void {
    const args = this.#pop();
    const callee = this.#pop();
    if (!(callee instanceof PickleGlobal) || callee.rule.call === undefined) {
      throw new PickleRefusal("a call of an allowed global", `a call of ${describeValue(callee)}`);
    }
    if (!(args instanceof PickleTuple)) {
      throw new PickleRefusal(`a tuple of arguments for ${callee.name}`, describeValue(args));
    }
    this.#push(callee.rule.call(args.items));
  }

  #newObject(): void {
    const args = this.#pop();
    const type = this.#pop();
    if (!(type instanceof PickleGlobal) || type.rule.isInert !== true) {
      throw new PickleRefusal("an object of an allowed class", `one of ${describeValue(type)}`);
    }
    if (!(args instanceof PickleTuple)) {
      throw new PickleRefusal(`a tuple of arguments for ${type.name}`, describeValue(args));
    }
    this.#push(new PickleObject(type.name, args.items));
  }

  #build(): void {
    const state = this.#pop();
    const target = this.#top();
    if (target instanceof PickleObject) {
      target.state = state;
      return;
    }
    // A state dict carries its modules' versions as an attribute (`_metadata`), which nothing here needs.
    if (target instanceof OrderedPickleDict && state instanceof PickleDict) return;
    const found = `one for ${describeValue(target)}`;
    throw new PickleRefusal("a state for an object of an allowed class", found);
  }

  #stackGlobal(): void {
    const [module, name] = this.#popSome(2);
    if (typeof module !== "string" || typeof name !== "string") {
      const found = `${describeValue(module)} and ${describeValue(name)}`;
      throw new PickleRefusal("two strings as the name of a global", found);
    }
    this.#push(this.#rules.global(module, name));
  }

  #append(items: readonly PickleValue[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw new PickleRefusal("a list to append to", describeValue(list));
    for (const item of items) list.push(item);
  }

  #addItems(items: readonly PickleValue[]): void {
    const set = this.#top();
    if (!(set instanceof PickleSet)) {
      throw new PickleRefusal("a set to add to", describeValue(set));
    }
    for (const item of items) set.items.push(item);
  }

  #setItems(items: readonly PickleValue[]): void {
    const dict = this.#top();
    if (!(dict instanceof PickleDict)) {
      throw new PickleRefusal("a dict to put items in", describeValue(dict));
    }
    if (items.length % 2 !== 0) throw new PickleRefusal("keys with values", "a key without one");
    for (let i = 0; i < items.length; i += 2) {
      const [key = null, value = null] = items.slice(i, i + 2);
      const isHashable = key === null || typeof key !== "object" || key instanceof PickleTuple;
      if (!isHashable) throw new PickleRefusal("a key that Python can hash", describeValue(key));
      // Readers disagree about which of two values applies; a pickler never writes two.
      if (dict.has(key)) {
        throw new PickleRefusal("each key of a dict once", `${String(key).slice(0, 80)} again`);
      }
      dict.set(key, value);
    }
  }

  #put(index: number): void {
    // Picklers count up, so each slot is written once, and the memo is no longer than the file.
    if (index !== this.#memo.length) {
      throw new PickleRefusal(`memo slot ${this.#memo.length}, the next`, `${index}`);
    }
    this.#memo.push(this.#top());
  }

  #get(index: number): void {
    const value = this.#memo[index];
    if (value === undefined) throw new PickleRefusal("a memo slot that is in use", `${index}`);
    this.#push(value);
  }

  #frame(): void {
    const length = this.#input.uint64();
    const { rest } = this.#input;
    if (length > rest) throw new PickleEnd(`a frame of at most ${rest} bytes`, `${length}`);
  }

  #push(value: PickleValue): void {
    this.#stack.push(value);
  }

  /** The value on top, which stays. A mark is a floor: nothing below it is accessible. */
  #top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined || this.#stack.length <= (this.#marks.at(-1) ?? 0)) {
      throw new PickleRefusal(`a value on the stack at byte ${this.#input.position}`, "none");
    }
    return value;
  }

  #pop(): PickleValue {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #popSome(count: number): PickleValue[] {
    return Array.from({ length: count }, () => this.#pop()).reverse();
  }

  #popMark(): PickleValue[] {
    const height = this.#marks.pop();
    if (height === undefined) throw new PickleRefusal("a mark on the stack", "none");
    return this.#stack.splice(height);
  }
}
