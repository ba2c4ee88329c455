import { readdirSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asyncBufferFromFile, parquetMetadataAsync } from "hyparquet";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RgbImage } from "../../images/index.ts";
import type { DatasetEntry } from "../dataset.ts";
import { captionsOf } from "../layouts/several-captions.ts";
import { isHeldOut } from "../layouts/splits.ts";
import { readDataset } from "../read-dataset.ts";
import { convertDataset } from "./convert-dataset.ts";

let work: string;
let png: Uint8Array;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "pixart-convert-"));
  png = await RgbImage.filled(6, 3, [1, 2, 3]).encodePng();
});
afterAll(() => rm(work, { recursive: true }));

/** A folder with metadata.jsonl of the given lines and a picture for each. */
async function source(name: string, lines: readonly Record<string, unknown>[]): Promise<string> {
  const folder = join(work, name);
  await mkdir(folder);
  for (const { file_name } of lines) await writeFile(join(folder, `${file_name}`), png);
  await writeFile(
    join(folder, "metadata.jsonl"),
    lines.map((line) => JSON.stringify(line)).join("\n"),
  );
  return folder;
}

const columns = { class: 3, score: 0.5, good: true, note: "007", split: "test", tags: ["a"] };

describe("convertDataset", () => {
  it.each(["jsonl", "captions", "webdataset", "pixart-json"] as const)(
    "keeps every column as %s",
    async (to) => {
      const dense_text = "a long one";
      const folder = await source(`all-${to}`, [
        { file_name: "a.png", text: "an a", dense_text, ...columns },
      ]);
      await convertDataset(folder, join(work, to), { to });
      const [entry] = (await readDataset(join(work, to))).entries;
      expect(entry?.columns).toEqual({ dense_text, ...columns });
    },
  );

  it("keeps numbers and text as csv, and lists as JSON", async () => {
    const folder = await source("for-csv", [{ file_name: "a.png", text: "an a", ...columns }]);
    await convertDataset(folder, join(work, "csv"), { to: "csv" });
    const [entry] = (await readDataset(join(work, "csv"))).entries;
    expect(entry?.columns).toEqual({ ...columns, good: "true", tags: '["a"]' });
  });

  it("writes parquet of each split with the features that datasets reads", async () => {
    const folder = await source("for-parquet", [
      { file_name: "a.png", text: "an a", ...columns },
      { file_name: "b.png", text: "a b", split: "train", score: 2 },
    ]);
    await convertDataset(folder, join(work, "parquet"), { to: "parquet" });
    expect((await readdir(join(work, "parquet", "data"))).sort()).toEqual([
      "test-00000-of-00001.parquet",
      "train-00000-of-00001.parquet",
    ]);
    const [a, b] = (await readDataset(join(work, "parquet"))).entries;
    expect(a?.columns).toEqual(columns);
    expect(b?.columns).toEqual({ split: "train", score: 2 });
    const file = join(work, "parquet", "data", "test-00000-of-00001.parquet");
    const metadata = await parquetMetadataAsync(await asyncBufferFromFile(file));
    const huggingface = metadata.key_value_metadata?.find(({ key }) => key === "huggingface");
    expect(JSON.parse(huggingface?.value ?? "")).toEqual({
      info: {
        features: {
          image: { _type: "Image" },
          text: { dtype: "string", _type: "Value" },
          class: { dtype: "int64", _type: "Value" },
          score: { dtype: "float64", _type: "Value" },
          good: { dtype: "bool", _type: "Value" },
          note: { dtype: "string", _type: "Value" },
          split: { dtype: "string", _type: "Value" },
          tags: [{ dtype: "string", _type: "Value" }],
        },
      },
    });
  });

  it.each(["jsonl", "captions", "webdataset", "pixart-json", "csv", "parquet"] as const)(
    "keeps every digit and what JSON has no word for as %s",
    async (to) => {
      const folder = join(work, `exact-${to}`);
      await mkdir(folder);
      const numbers = '"id": 9007199254740993, "unsigned": 18446744073709551615, "score": NaN';
      const lines = [`${numbers}, "edge": -Infinity`, '"id": -1, "unsigned": 0, "score": 0.5'];
      for (const i of [0, 1]) await writeFile(join(folder, `${i}.png`), png);
      await writeFile(
        join(folder, "metadata.jsonl"),
        lines.map((line, i) => `{"file_name": "${i}.png", "text": "NA", ${line}}`).join("\n"),
      );
      await convertDataset(folder, join(work, `exact-${to}-out`), { to });
      const { entries } = await readDataset(join(work, `exact-${to}-out`));
      const split = to === "parquet" ? { split: "train" } : {};
      expect(entries.map(({ text, columns: all }) => [text, all])).toEqual([
        [
          "NA",
          {
            id: 9007199254740993n,
            unsigned: 18446744073709551615n,
            score: Number.NaN,
            edge: Number.NEGATIVE_INFINITY,
            ...split,
          },
        ],
        ["NA", { id: -1, unsigned: 0, score: 0.5, ...split }],
      ]);
    },
  );

  it("writes the digits that were read", async () => {
    const folder = join(work, "digits");
    await mkdir(folder);
    await writeFile(join(folder, "a.png"), png);
    const line =
      '{"file_name":"a.png","text":"x","id":9007199254740993,"more":[{"n":36893488147419103232,"x":NaN}]}';
    await writeFile(join(folder, "metadata.jsonl"), line);
    const written = async (to: "jsonl" | "csv", name: string): Promise<string> => {
      await convertDataset(folder, join(work, `digits-${to}`), { to });
      return readFile(join(work, `digits-${to}`, name), "utf8");
    };
    expect(await written("jsonl", "metadata.jsonl")).toBe(`${line}\n`);
    expect(await written("csv", "metadata.csv")).toBe(
      'file_name,text,id,more\na.png,x,9007199254740993,"[{""n"":36893488147419103232,""x"":NaN}]"\n',
    );
  });

  it.each(["jsonl", "captions", "webdataset", "pixart-json", "csv", "parquet"] as const)(
    "keeps all captions of a picture as %s",
    async (to) => {
      const folder = join(work, `several-${to}`);
      await mkdir(folder);
      for (const name of ["a", "b"]) await writeFile(join(folder, `${name}.png`), png);
      const captions = "image,caption\na.png,one\nb.png,a b\na.png,two\na.png,three\n";
      await writeFile(join(folder, "captions.txt"), captions);
      await convertDataset(folder, join(work, `several-${to}-out`), { to });
      const { entries } = await readDataset(join(work, `several-${to}-out`));
      expect(entries.map(({ file, text, columns: { text: list } }) => [file, text, list])).toEqual([
        ["a.png", "one", ["one", "two", "three"]],
        ["b.png", "a b", undefined],
      ]);
    },
  );

  it.each(["jsonl", "captions", "webdataset", "pixart-json", "csv", "parquet"] as const)(
    "keeps all captions of a chosen column beside another text as %s",
    async (to) => {
      const words = ["one", "two"];
      const folder = await source(`chosen-${to}`, [{ file_name: "a.png", text: "other", words }]);
      const read = { textColumn: "words" };
      expect((await readDataset(folder, read)).entries.map(captionsOf)).toEqual([words]);
      await convertDataset(folder, join(work, `chosen-${to}-out`), { to, read });
      const { entries } = await readDataset(join(work, `chosen-${to}-out`));
      expect(entries.map(captionsOf)).toEqual([words]);
      const prompted = { ...read, instancePrompt: "one" };
      expect((await readDataset(folder, prompted)).entries.map(captionsOf)).toEqual([["one"]]);
    },
  );

  it.each(["jsonl", "csv", "captions", "parquet"] as const)(
    "copies control pictures as %s",
    async (to) => {
      const lines = [
        { file_name: "a.png", text: "an a", conditioning_image: "maps/x.png" },
        { file_name: "b.png", text: "a b" },
        { file_name: "control/c.png", text: "a c", conditioning_image: "maps/gone.png" },
      ];
      const folder = join(work, `controlled-${to}`);
      for (const name of ["maps", "control"]) await mkdir(join(folder, name), { recursive: true });
      for (const { file_name } of lines) await writeFile(join(folder, file_name), png);
      const map = await RgbImage.filled(2, 2, [9, 9, 9]).encodeJpeg();
      await writeFile(join(folder, "maps", "x.png"), map);
      await writeFile(
        join(folder, "metadata.jsonl"),
        lines.map((line) => JSON.stringify(line)).join("\n"),
      );
      const out = join(work, `controlled-${to}-out`);
      const described = ({ text, columns }: Pick<DatasetEntry, "text" | "columns">) => ({
        text,
        columns,
      });
      const report = await convertDataset(folder, out, { to, describe: described });
      expect(report).toMatchObject({ pictures: 3, lostColumns: [] });
      const gone = join(folder, "maps", "gone.png");
      expect(report.unreadable.map(({ path }) => path)).toEqual([gone]);
      const { entries } = await readDataset(out);
      const found = entries.map(async ({ file, control, columns }) => {
        expect(columns).not.toHaveProperty("conditioning_image");
        const bytes = await control?.read();
        return [file, bytes && Buffer.from(bytes)];
      });
      expect(await Promise.all(found)).toEqual([
        ["a.png", Buffer.from(map)],
        ["b.png", undefined],
        ["control/c.png", undefined],
      ]);
      if (to === "jsonl") {
        expect(await readFile(join(out, "control_", "a.png.jpg"))).toEqual(Buffer.from(map));
        const again = join(work, "controlled-again");
        const read = { controlFolder: join(folder, "maps") };
        const moved = await convertDataset(out, again, { to: "webdataset", read });
        expect(moved.lostColumns).toEqual(["control_image"]);
        expect((await readDataset(again)).entries.map(({ columns }) => columns)).toEqual([
          {},
          {},
          {},
        ]);
      }
    },
  );

  it("says which control pictures a layout can't hold", async () => {
    const line = { file_name: "a.png", text: "an a", control_image: "b.png", note: "n" };
    const folder = await source("uncontrolled", [line]);
    await writeFile(join(folder, "b.png"), png);
    for (const to of ["webdataset", "pixart-json", "side-cars"] as const) {
      const { lostColumns } = await convertDataset(folder, `${folder}-${to}`, { to });
      expect(lostColumns).toEqual(
        to === "side-cars" ? ["note", "control_image"] : ["control_image"],
      );
    }
    expect((await readDataset(`${folder}-webdataset`)).entries[0]?.columns).toEqual({ note: "n" });
  });

  it("says how many captions side-cars can't hold, and writes DreamBooth's in place of a list", async () => {
    const folder = await source("lists", [{ file_name: "a.png", text: ["x", "y", "z"], note: 1 }]);
    expect(await convertDataset(folder, join(work, "first"), { to: "side-cars" })).toMatchObject({
      lostColumns: ["note"],
      lostCaptions: 2,
    });
    const read = { instancePrompt: "a sks dog" };
    await convertDataset(folder, join(work, "sks"), { to: "jsonl", read });
    expect(await readFile(join(work, "sks", "metadata.jsonl"), "utf8")).toBe(
      '{"file_name":"a.png","text":"a sks dog","note":1}\n',
    );
  });

  it.each([
    "side-cars",
    "jsonl",
    "csv",
    "captions",
    "parquet",
    "webdataset",
    "pixart-json",
  ] as const)(
    "keeps what is held out apart as %s, so that no reader takes it for training's",
    async (to) => {
      const folder = await source(`splits-${to}`, [
        { file_name: "a.png", text: "an a", split: "Held-Out" },
        { file_name: "b.png", text: "a b", split: "val" },
        { file_name: "c.png", text: "a c", split: "train" },
        { file_name: "d.png", text: "a d" },
      ]);
      const out = join(work, `splits-${to}-out`);
      const { lostColumns, renamed, splits } = await convertDataset(folder, out, { to });
      expect([lostColumns, renamed]).toEqual([[], 0]);
      expect(splits.map(({ split, pictures }) => [split, pictures])).toEqual([
        ["train", 1],
        [null, 1],
        ["Held-Out", 1],
        ["val", 1],
      ]);
      const { entries } = await readDataset(out);
      const heldOut = entries.filter(isHeldOut).map(({ text }) => text);
      expect(heldOut.sort()).toEqual(["a b", "an a"]);
      const names = await readdir(to === "parquet" ? join(out, "data") : out);
      if (to === "webdataset")
        expect(names.sort()).toEqual(["heldout-00000.tar", "train-00000.tar", "val-00000.tar"]);
      if (to === "side-cars") expect(names.sort()).toEqual(["heldout", "train", "val"]);
      if (to === "parquet") {
        expect(names.map((name) => name.split("-")[0]).sort()).toEqual(["heldout", "train", "val"]);
      }
    },
  );

  it("leaves pictures in the folders that are their splits", async () => {
    const folder = await source("folders", []);
    for (const split of ["train", "test"]) {
      await mkdir(join(folder, "all", split), { recursive: true });
      await writeFile(join(folder, "all", split, `${split}.png`), png);
      await writeFile(join(folder, "all", split, `${split}.txt`), split);
    }
    await rm(join(folder, "metadata.jsonl"));
    const out = join(work, "folders-out");
    await convertDataset(folder, out, { to: "side-cars" });
    const { entries } = await readDataset(out);
    expect(entries.map(({ file, columns }) => [file, columns])).toEqual([
      ["all/test/test.png", { split: "test" }],
      ["all/train/train.png", { split: "train" }],
    ]);
    const parquet = join(work, "folders-parquet");
    await convertDataset(folder, parquet, { to: "parquet" });
    expect((await readdir(join(parquet, "data"))).sort()).toEqual([
      "test-00000-of-00001.parquet",
      "train-00000-of-00001.parquet",
    ]);
  });

  it("tells what side-cars can't hold, renames for keys, and gives rows an extension", async () => {
    const folder = await source("dots", [{ file_name: "a.b.png", text: "x", class: 3 }]);
    expect(await convertDataset(folder, join(work, "plain"), { to: "side-cars" })).toMatchObject({
      lostColumns: ["class"],
      renamed: 0,
    });
    expect(await convertDataset(folder, join(work, "keys"), { to: "webdataset" })).toMatchObject({
      renamed: 1,
    });
    expect((await readDataset(join(work, "keys"))).entries[0]?.file).toBe("a_b.png");
  });

  it("writes PixArt's items with sizes and ratio", async () => {
    const folder = await source("wide", [{ file_name: "a.png", text: "x" }]);
    await convertDataset(folder, join(work, "intern"), { to: "pixart-json" });
    const list = await readFile(join(work, "intern", "InternData", "data_info.json"), "utf8");
    expect(JSON.parse(list)).toEqual([
      { path: "a.png", prompt: "x", width: 6, height: 3, ratio: 0.5, sharegpt4v: "" },
    ]);
  });

  it("refuses a folder that exists, shared captions and bad sizes, and leaves nothing behind", async () => {
    const folder = await source("pair", [
      { file_name: "a.png", text: "x" },
      { file_name: "a.jpg", text: "y" },
    ]);
    const before = await readdir(work);
    await expect(convertDataset(folder, folder, { to: "csv" })).rejects.toThrow(
      `Expected a new folder for the data set but received ${folder}, which exists`,
    );
    const out = join(work, "never");
    await expect(convertDataset(folder, out, { to: "side-cars" })).rejects.toThrow(
      "a.png would share its caption's name with another picture in this layout. Rename one, or use another layout",
    );
    await expect(convertDataset(folder, out, { to: "parquet", maxShardBytes: 0 })).rejects.toThrow(
      "Expected a number above 0 for maxShardBytes but received 0",
    );
    expect(await readdir(work)).toEqual(before);
  });

  it("writes what is said of a picture in place of its own caption", async () => {
    const folder = await source("said", [
      { file_name: "a.png", text: "an a", note: "n" },
      { file_name: "b.png" },
    ]);
    const out = join(work, "said-out");
    await convertDataset(folder, out, {
      to: "jsonl",
      read: { acceptUncaptioned: true },
      describe: ({ file, text, columns }) => ({
        text: text || "none",
        columns: { ...columns, dense_text: `long ${file}` },
      }),
    });
    expect((await readFile(join(out, "metadata.jsonl"), "utf8")).trim().split("\n")).toEqual([
      '{"file_name":"a.png","text":"an a","note":"n","dense_text":"long a.png"}',
      '{"file_name":"b.png","text":"none","dense_text":"long b.png"}',
    ]);
    expect(await readFile(join(out, "b.png"))).toEqual(await readFile(join(folder, "b.png")));
  });

  it("has no folder of the name before all is written", async () => {
    const folder = await source("staged", [{ file_name: "a.png", text: "x" }]);
    const out = join(work, "staged-out");
    let names: string[] = [];
    await convertDataset(folder, out, {
      to: "jsonl",
      onProgress: () => {
        names = readdirSync(work).filter((name) => name.includes("staged-out"));
      },
    });
    expect(names).toEqual([expect.stringMatching(/^\.tmp-staged-out-/)]);
    expect((await readdir(out)).sort()).toEqual(["a.png", "metadata.jsonl"]);
  });
});
