import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trainingBuckets } from "../../src/data/buckets.ts";
import { pixelHash } from "../../src/data/duplicates.ts";
import { csvRows } from "../../src/data/layouts/csv-rows.ts";
import { readDataset } from "../../src/data/read-dataset.ts";
import { convertDataset } from "../../src/data/writing/convert-dataset.ts";
import { RgbImage } from "../../src/images/index.ts";
import { runPython } from "./python.ts";

interface Answer {
  /** Folder, file, caption, columns, hash of pixels as Pillow decodes them. */
  readonly written: [string, string, string, Record<string, unknown>, string][];
  readonly read: {
    csv: string[][];
    webdataset: [string, number, string][];
    parquet: string[][];
    features: string[];
    tables: string[][][];
    exact: { types: Record<string, string>; rows: string }[];
  };
  readonly bins: [ratio: number, height: number, width: number][];
}

const long = `${"long-".repeat(40)}é`;
const captions = ['a "quote", and\na line', "plain, é狐 🦊", "ends with comma,"];
/** Tables of the characters that matter, and the malformed ones that people write. */
const tables: [delimiter: string, text: string][] = [
  [",", 'a,b\r\n1,a 5" pipe\r\n2,"a "b" c"\r3,"x ""y"" z",\n\n4,""x"",y""y\n5,"two\r\nlines"\n'],
  ["\t", 'a\tb\n1\t"x\ty", z\n2\n'],
  ...Array.from({ length: 300 }, (_, seed): [string, string] => {
    const characters = ['"', '"', ",", "\n", "\r", "a", " ", "\t"];
    const draw = (at: number): number => Math.floor(Math.abs(Math.sin(seed * 997 + at * 31)) * 1e6);
    return [
      ",",
      Array.from({ length: 24 }, (_, at) => characters[draw(at) % characters.length]).join(""),
    ];
  }),
];

let work: string;
let answer: Answer;
let pictures: RgbImage[];
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "pixart-datasets-"));
  const source = join(work, "source");
  await mkdir(source);
  pictures = captions.map((_, i) => RgbImage.filled(4 + i, 5, [i, 200, 9]));
  const lines = await Promise.all(
    pictures.map(async (picture, i) => {
      await picture.save(join(source, `${long}${i}.png`));
      return JSON.stringify({ file_name: `${long}${i}.png`, text: captions[i], note: `"${i}"` });
    }),
  );
  await writeFile(join(source, "metadata.jsonl"), lines.join("\n"));
  const [csv, webdataset, parquet, out] = ["csv", "tar", "parquet", "python"].map((name) =>
    join(work, name),
  ) as [string, string, string, string];
  await convertDataset(source, parquet, { to: "parquet" });
  await convertDataset(source, csv, { to: "csv" });
  await convertDataset(source, webdataset, { to: "webdataset", maxShardBytes: 4000 });
  await mkdir(out);
  const exact = join(work, "exact");
  await mkdir(join(work, "exact-source"));
  for (const i of [0, 1]) await pictures[i]?.save(join(work, "exact-source", `${i}.png`));
  await writeFile(
    join(work, "exact-source", "metadata.jsonl"),
    '{"file_name": "0.png", "text": ["x", "y"], "id": 9007199254740993, "u": 18446744073709551615, "score": NaN, "big": 18446744073709551616, "tags": ["a"], "deep": {"a": [1, 9007199254740993]}}\n' +
      '{"file_name": "1.png", "text": "z", "id": -1, "u": 0, "score": 1, "big": 1, "tags": [], "deep": null}\n',
  );
  await convertDataset(join(work, "exact-source"), exact, { to: "parquet" });
  const script = fileURLToPath(new URL("datasets.py", import.meta.url));
  answer = (await runPython(script, { out, csv, webdataset, parquet, exact, tables })) as Answer;
});
afterAll(() => rm(work, { recursive: true }));

const parquets = ["none", "snappy", "zstd", "gzip"].map((name) => `parquet-${name}`);

describe("data sets against Python's tarfile, csv, Pillow and pyarrow", () => {
  it.each(["gnu", "pax", "ustar", "csv", ...parquets])(
    "reads what Python writes as %s",
    async (folder) => {
      const { entries } = await readDataset(join(work, "python", folder));
      const found = await Promise.all(
        entries.map(async (entry) => {
          const pixels = pixelHash(await RgbImage.decode(await entry.read()));
          return [folder, entry.file, entry.text, entry.columns, pixels];
        }),
      );
      expect(found).toHaveLength(4);
      expect(found).toEqual(
        answer.written
          .filter(([name]) => name === folder)
          .toSorted(([, a], [, b]) => (a < b ? -1 : 1)),
      );
    },
  );

  it("splits tables as Python's csv does", () => {
    // Lines of blank cells alone hold nothing.
    const holdsText = (cells: readonly string[]): boolean =>
      cells.some((cell) => cell.trim() !== "");
    for (const [i, [delimiter, text]] of tables.entries()) {
      const python = answer.read.tables[i]?.filter(holdsText);
      let rows: string[][];
      try {
        rows = csvRows(text, delimiter).map(({ cells }) => [...cells]);
      } catch {
        // pandas refuses a quote that is not closed, which Python's csv takes for closed at the end.
        rows = csvRows(`${text}"`, delimiter).map(({ cells }) => [...cells]);
      }
      expect(rows.filter(holdsText), JSON.stringify(text)).toEqual(python);
    }
  });

  it("reads every digit and kind of value that pyarrow writes", async () => {
    const { entries } = await readDataset(join(work, "python", "kinds"));
    expect(entries.map(({ columns }) => columns)).toEqual([
      {
        int64: 9007199254740993n,
        uint64: 18446744073709551615n,
        float: Number.NaN,
        flag: true,
        date: "1969-07-20",
        micros: "1969-07-20T20:17:40.678901Z",
        nanos: "2020-01-02T03:04:05.678901234Z",
        decimal: "-123456789012345678.90",
        small: -0.01,
        ids: [1, 9007199254740993n],
        deep: { a: 9007199254740993n, b: [{ c: "é" }] },
        split: "train",
      },
      {
        int64: -9223372036854775808n,
        uint64: 1,
        float: Number.NEGATIVE_INFINITY,
        decimal: 1.5,
        ids: [],
        split: "train",
      },
    ]);
  });

  it("writes every digit and kind of value that pyarrow reads", () => {
    const [{ types, rows } = { types: {}, rows: "" }] = answer.read.exact;
    expect(types).toEqual({
      text: "list<element: string>",
      id: "int64",
      u: "uint64",
      score: "double",
      big: "string",
      tags: "list<element: string>",
      deep: "struct<a: list<element: int64>>",
    });
    expect(rows).toBe(
      "[{'text': ['x', 'y'], 'id': 9007199254740993, 'u': 18446744073709551615, 'score': nan, 'big': '18446744073709551616', 'tags': ['a'], 'deep': {'a': [1, 9007199254740993]}}, " +
        "{'text': ['z'], 'id': -1, 'u': 0, 'score': 1.0, 'big': '1', 'tags': [], 'deep': None}]",
    );
  });

  it("writes a table that Python reads", () => {
    expect(answer.read.csv).toEqual(captions.map((text, i) => [`${long}${i}.png`, text, `"${i}"`]));
  });

  it("writes parquet that pyarrow reads, with the features of the Hub's data sets", () => {
    expect(answer.read.parquet).toEqual(
      captions.map((text, i) => [
        `${long}${i}.png`,
        text,
        `"${i}"`,
        pixelHash(pictures[i] as RgbImage),
      ]),
    );
    expect(answer.read.features).toEqual(["Image", "string"]);
  });

  it("writes shards that Python reads, with nothing of this machine in them", () => {
    expect(answer.read.webdataset).toEqual(
      captions.flatMap((text, i) => [
        [`${long}${i}.png`, 0, pixelHash(pictures[i] as RgbImage)],
        [`${long}${i}.txt`, 0, text],
        [`${long}${i}.json`, 0, JSON.stringify({ note: `"${i}"` })],
      ]),
    );
  });

  it("has diffusers' sizes of 2048 px as the training buckets", () => {
    const ours = trainingBuckets(2048).map(({ ratio, height, width }) => [ratio, height, width]);
    expect(ours).toEqual(answer.bins.toSorted(([a], [b]) => a - b));
  });
});
