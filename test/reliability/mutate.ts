/** A generator of whole numbers that a seed determines (mulberry32): `below(n)` is from 0 to n - 1. */
export function random(seed: number): (below: number) => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

type Draw = (below: number) => number;
type Mutation = (bytes: Buffer, draw: Draw) => Buffer;

const pick = <T>(list: readonly T[], draw: Draw): T => {
  const one = list[draw(list.length)];
  if (one === undefined) throw new RangeError("Expected a list that is not empty");
  return one;
};

const slice = (bytes: Buffer, draw: Draw, longest: number): [start: number, end: number] => {
  const start = draw(bytes.length + 1);
  return [start, Math.min(bytes.length, start + 1 + draw(longest))];
};

/** Puts `middle` in place of a part. */
const splice = (bytes: Buffer, start: number, end: number, middle: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, start), middle, bytes.subarray(end)]);

const flipBits: Mutation = (bytes, draw) => {
  const flipped = Buffer.from(bytes);
  for (let count = 1 + draw(8); count > 0 && flipped.length > 0; count--) {
    const at = draw(flipped.length);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << draw(8));
  }
  return flipped;
};

const fillRun: Mutation = (bytes, draw) => {
  const [start, end] = slice(bytes, draw, 64);
  return splice(bytes, start, end, Buffer.alloc(end - start, pick([0, 0xff, 0x20, 0x7f], draw)));
};

const cut: Mutation = (bytes, draw) => bytes.subarray(0, draw(bytes.length + 1));

const remove: Mutation = (bytes, draw) => {
  const [start, end] = slice(bytes, draw, 64);
  return splice(bytes, start, end, Buffer.alloc(0));
};

const repeat: Mutation = (bytes, draw) => {
  const [start, end] = slice(bytes, draw, 256);
  return splice(bytes, end, end, bytes.subarray(start, end));
};

/** A part of the file over another part. */
const move: Mutation = (bytes, draw) => {
  const [start, end] = slice(bytes, draw, 256);
  const to = draw(bytes.length + 1);
  return splice(bytes, to, Math.min(bytes.length, to + end - start), bytes.subarray(start, end));
};

/** Counts and lengths as formats write them. */
const LENGTHS = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x7fff_ffff_ffff_ffffn,
  0xffff_ffff_ffff_ffffn,
];

const setLength: Mutation = (bytes, draw) => {
  const width = pick([1, 2, 4, 8], draw);
  const whole = Buffer.alloc(8);
  whole.writeBigUInt64LE(pick(LENGTHS, draw));
  const field = Buffer.from(whole.subarray(0, width));
  if (draw(2) === 1) field.reverse();
  const at = draw(bytes.length + 1);
  return splice(bytes, at, Math.min(bytes.length, at + width), field);
};

const VALUES = [
  ..."0 -1 1 2 0.5 -0 1e9 1e308 1e400 2147483648 4294967296 9007199254740993 18446744073709551616".split(
    " ",
  ),
  ...'NaN Infinity null true false [] {} [[]] [null] {"a":1}'.split(" "),
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"../../x"',
  '"__proto__"',
  `"${"a".repeat(5000)}"`,
  "[".repeat(3000),
];

/** A number, a string or a word of a text becomes another value. */
const setValue: Mutation = (bytes, draw) => {
  const text = bytes.toString("latin1");
  const found = [...text.matchAll(/-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|"[^"\n]*"|true|false|null/g)];
  if (found.length === 0) return flipBits(bytes, draw);
  const { index, 0: old } = pick(found, draw);
  return splice(bytes, index, index + old.length, Buffer.from(pick(VALUES, draw)));
};

/** A line of a text goes, or comes twice. */
const editLines: Mutation = (bytes, draw) => {
  const lines = bytes.toString("latin1").split("\n");
  const at = draw(lines.length);
  const line = lines[at] ?? "";
  lines.splice(at, 1, ...(draw(2) === 0 ? [] : [line, line]));
  return Buffer.from(lines.join("\n"), "latin1");
};

const BINARY = [flipBits, flipBits, fillRun, cut, remove, repeat, move, setLength, setLength];
const TEXT = [
  flipBits,
  fillRun,
  cut,
  remove,
  repeat,
  move,
  setValue,
  setValue,
  setValue,
  editLines,
];

const isText = (bytes: Buffer): boolean => !bytes.subarray(0, 512).some((byte) => byte < 9);

/** The file with one to three things wrong with it, the same for the same seed. */
export function mutate(bytes: Buffer, seed: number): Buffer {
  const draw = random(seed);
  const mutations = isText(bytes) ? TEXT : [...BINARY, setValue];
  let mutated = bytes;
  for (let count = Math.max(1, draw(5) - 1); count > 0; count--)
    mutated = pick(mutations, draw)(mutated, draw);
  return mutated;
}
