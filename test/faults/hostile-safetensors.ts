import fc from "fast-check";

/** A safetensors file under construction: header members as JSON text, so that any spelling can be tried. */
interface Draft {
  readonly members: readonly Member[];
  readonly before: string;
  readonly after: string;
  readonly dataLength: number;
  readonly lengthError: number;
}
type Member = readonly [name: string, json: string];

const NAMES = [
  "w",
  "b",
  "layer.0.weight",
  "",
  "__proto__",
  "constructor",
  "ä",
  "\u{1f98a}",
  "a\nb",
];
const DTYPES: readonly [name: string, bytes: number][] = [
  ["F32", 4],
  ["BF16", 2],
  ["I64", 8],
  ["U8", 1],
  ["BOOL", 1],
  ["F64", 8],
  ["I16", 2],
];
// Spellings on which parsers are known to differ.
const NUMBERS = [
  "4.0",
  "4e0",
  "-0",
  "-4",
  "04",
  "+4",
  ".5",
  "1e400",
  "9007199254740993",
  "18446744073709551615",
  "18446744073709551616",
  '"4"',
  "true",
  "null",
  "NaN",
  "Infinity",
  "1099511627776",
  "4294967296,4294967296",
  "[]",
];
const DTYPE_TEXTS = [
  '"F8_E4M3"',
  '"U16"',
  '"F4"',
  '"C64"',
  '"f32"',
  '"F32 "',
  '{"F32":null}',
  "4",
  "null",
];
const VALUES = [
  "1",
  "null",
  "[1,[2,{}]]",
  '"\\ud83e\\udd8a"',
  '"\\ud83e"',
  '{"\\udd8a":1}',
  '{"a":1,"a":1}',
  "1e400",
  "1,",
  '"\t"',
  '"\\x"',
  "//c",
  ...[120, 124, 125, 126, 127, 140].map((depth) => "[".repeat(depth) + "]".repeat(depth)),
  "[".repeat(20_000),
];
const METADATA = [
  '{"format":"pt"}',
  "{}",
  "null",
  "[]",
  '"x"',
  '{"a":1}',
  '{"a":null}',
  '{"a":"1","a":"2"}',
  '{"a":"1","a":"1"}',
  '{"":"\\u0000"}',
  '{"__proto__":"x"}',
];
const BLANKS = ["", " ", "\n", "\t\r ", "       ", "\0", "\ufeff", "\u00a0", "x", "}", "{}"];

const tensor = fc.record({
  name: fc.constantFrom(...NAMES),
  dtype: fc.constantFrom(...DTYPES),
  shape: fc.array(fc.constantFrom(0, 1, 1, 2, 3, 5), { maxLength: 3 }),
});

const member = (dtype: string, shape: string, offsets: string, extra = ""): string =>
  `{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}${extra}}`;

/** A well-formed file. */
const draft: fc.Arbitrary<Draft> = fc
  .uniqueArray(tensor, { maxLength: 4, selector: (t) => t.name })
  .map((tensors) => {
    let position = 0;
    const members = tensors.map(({ name, dtype: [dtype, bytes], shape }): Member => {
      const begin = position;
      position += shape.reduce((product, extent) => product * extent, bytes);
      return [name, member(`"${dtype}"`, JSON.stringify(shape), `[${begin},${position}]`)];
    });
    return { members, before: "", after: "", dataLength: position, lengthError: 0 };
  });

type Edit = (draft: Draft) => Draft;

const inMember =
  (pick: number, edit: (json: string) => string): Edit =>
  (draft) => ({
    ...draft,
    members: draft.members.map(([name, json], i) => [
      name,
      i === pick % draft.members.length ? edit(json) : json,
    ]),
  });

const inNumber = (pick: number, which: number, edit: (n: string) => string): Edit =>
  inMember(pick, (json) => {
    let index = 0;
    return json.replace(/\d+(?=[,\]])/g, (n) => (index++ === which ? edit(n) : n));
  });

const append = (json: string, extra: string): string => json.replace(/\}$/, `,${extra}}`);

const repeatField = (json: string, key: string): string => {
  const [field] = new RegExp(`"${key}":("\\w+"|\\[[^\\]]*\\])`).exec(json) ?? [];
  return field === undefined ? json : append(json, field);
};

const asArray = (json: string): string =>
  json
    .replace(/"\w+":/g, "")
    .replace("{", "[")
    .replace(/\}$/, "]");

const addMember = (name: string, json: string, first: boolean): Edit => {
  const added: Member = [name, json];
  return (d) => ({ ...d, members: first ? [added, ...d.members] : [...d.members, added] });
};

const repeatFirst: Edit = (d) => ({ ...d, members: [...d.members, ...d.members.slice(0, 1)] });

const repeatFirstName: Edit = (d) =>
  addMember(
    d.members[0]?.[0] ?? "w",
    member('"U8"', "[0]", `[${d.dataLength},${d.dataLength}]`),
    false,
  )(d);

const key = fc.constantFrom("dtype", "shape", "data_offsets");
const lengthErrors = [-1, 1, -8, 8, 1_000, 100_000_001, 2 ** 33, Number.MAX_SAFE_INTEGER];

/** One thing wrong with the file, or odd about it. */
const edit: fc.Arbitrary<Edit> = fc.tuple(fc.nat(3), fc.nat(5)).chain(([pick, which]) =>
  fc.oneof(
    fc
      .constantFrom(-1, 1, 4, 2 ** 32)
      .map((by) => inNumber(pick, which, (n) => `${Number(n) + by}`)),
    fc.constantFrom(...NUMBERS).map((text) => inNumber(pick, which, () => text)),
    fc
      .constantFrom(...NUMBERS)
      .map((n) => inMember(pick, (json) => json.replace('"shape":[', `"shape":[${n},0,`))),
    fc
      .constantFrom(...DTYPE_TEXTS)
      .map((text) => inMember(pick, (json) => json.replace(/"dtype":"\w+"/, `"dtype":${text}`))),
    fc
      .constantFrom(...VALUES)
      .map((value) => inMember(pick, (json) => append(json, `"extra":${value}`))),
    fc.constantFrom(...VALUES).map((value) => inMember(pick, () => value)),
    key.map((name) => inMember(pick, (json) => repeatField(json, name))),
    key.map((name) => inMember(pick, (json) => json.replace(`"${name}"`, `"${name}_"`))),
    fc.constant(inMember(pick, asArray)),
    fc.constant<Edit>((d) => ({ ...d, members: d.members.toReversed() })),
    fc.constantFrom(repeatFirst, repeatFirstName),
    fc
      .tuple(fc.constantFrom(...METADATA), fc.boolean())
      .map(([json, first]) => addMember("__metadata__", json, first)),
    fc.constantFrom(...BLANKS).map(
      (before): Edit =>
        (d) => ({ ...d, before }),
    ),
    fc.constantFrom(...BLANKS).map(
      (after): Edit =>
        (d) => ({ ...d, after }),
    ),
    fc.constantFrom(-1, 1, 8, -8).map(
      (by): Edit =>
        (d) => ({ ...d, dataLength: Math.max(0, d.dataLength + by) }),
    ),
    fc.constantFrom(...lengthErrors).map(
      (by): Edit =>
        (d) => ({ ...d, lengthError: by }),
    ),
  ),
);

const render = (d: Draft): Buffer => {
  const members = d.members.map(([name, json]) => `${JSON.stringify(name)}:${json}`);
  const header = Buffer.from(`${d.before}{${members.join(",")}}${d.after}`);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt.asUintN(64, BigInt(header.length + d.lengthError)));
  const data = Buffer.from(Array.from({ length: d.dataLength }, (_, i) => i % 2));
  return Buffer.concat([prefix, header, data]);
};

/** Byte-level damage. */
const damage = fc.array(
  fc.record({
    kind: fc.constantFrom("set", "insert", "delete", "cut"),
    at: fc.nat(300),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('{}[]",:0123456789e.-\\ \0'))),
  }),
  { maxLength: 2 },
);

/** Files from well-formed to ruined: 0 to 2 structural edits, then 0 to 2 damaged bytes. */
export const hostileFile: fc.Arbitrary<Buffer> = fc
  .tuple(
    draft,
    fc.array(edit, { maxLength: 2 }),
    fc.oneof(fc.constant([]), fc.constant([]), damage),
  )
  .map(([start, edits, hurts]) => {
    let file = render(edits.reduce((draft, apply) => apply(draft), start));
    for (const { kind, at, byte } of hurts) {
      const cut = Math.min(at, file.length);
      const tail = kind === "cut" ? [] : [file.subarray(kind === "insert" ? cut : cut + 1)];
      const middle = kind === "set" || kind === "insert" ? [Buffer.from([byte])] : [];
      file = Buffer.concat([file.subarray(0, cut), ...middle, ...tail]);
    }
    return file;
  });
