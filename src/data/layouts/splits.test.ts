import { describe, expect, it } from "vitest";
import type { FoundPicture } from "./found-picture.ts";
import { countSplits, isHeldOut, placeInSplits, splitFileName, splitOf } from "./splits.ts";

const picture = (
  file: string,
  { container, columns = {} }: Partial<Pick<FoundPicture, "container" | "columns">> = {},
): FoundPicture => ({
  file,
  path: file,
  text: "x",
  captions: undefined,
  columns,
  container,
  read: () => Promise.reject(new Error("not read")),
});

/** The split of each picture, where it has one. */
const splitsOf = (files: readonly string[]): unknown[] =>
  placeInSplits(files.map((file) => picture(file))).pictures.map(({ columns }) => columns.split);

describe("isHeldOut", () => {
  const heldOut =
    "val valid validation Dev eval evaluation test TEST testing heldout held-out Holdout val2017 test_clean";
  it.each(heldOut.split(" "))("%s", (split) => {
    expect(isHeldOut({ columns: { split } })).toBe(true);
    expect(splitFileName({ columns: { split } })).toMatch(/^\w+$/);
  });
  it.each([
    "train",
    "Training",
    "train_val",
    "trainval",
    "restval",
    "extra",
    "latest",
    "",
    1,
    null,
  ])("not %s", (split) => {
    expect(isHeldOut({ columns: { split } })).toBe(false);
  });
});

describe("splitOf a file", () => {
  it.each([
    ["data/train-00000-of-00002-0123456789abcdef.parquet", "train"],
    ["data/val-00000-of-00001.parquet", "val"],
    ["val.parquet", "validation"],
    ["Test.parquet", "test"],
    ["test-0000.tar", "test"],
    ["cats-test-0000.tar.gz", "test"],
    ["flickr8k_dev.tar", "validation"],
    ["default/partial-train/0000.parquet", "train"],
    ["validation/0000.tar", "validation"],
    ["heldout.tar", "heldout"],
    ["cats-00000-of-00002.tar", undefined],
    ["00000.tar", undefined],
    ["latest.tar", undefined],
    ["data/0000.parquet", undefined],
  ])("%s", (name, split) => {
    expect(splitOf(name)).toBe(split);
  });
});

describe("placeInSplits", () => {
  it("takes the folders beside train, at any depth, by whichever name", () => {
    const files = ["train/a.png", "Test/b.png", "val2017/c.png", "my_heldout_ones/d.png", "e.png"];
    expect(splitsOf(files)).toEqual(["train", "test", "validation", "heldout", undefined]);
    const deep = ["cats/train/a.png", "cats/test/b.png", "dogs/c.png", "cats/train/test/d.png"];
    expect(splitsOf(deep)).toEqual(["train", "test", undefined, "train"]);
  });

  it("takes a lone test at the top or in data, and several different ones among many", () => {
    expect(splitsOf(["a.png", "test/b.png"])).toEqual([undefined, "test"]);
    expect(splitsOf(["images/a.png", "test/b.png"])).toEqual([undefined, "test"]);
    expect(splitsOf(["data/a.png", "data/test/b.png"])).toEqual([undefined, "test"]);
    const many = ["cats/a.png", "dogs/b.png", "owls/c.png", "dev/d.png", "test/e.png"];
    expect(splitsOf(many)).toEqual([undefined, undefined, undefined, "validation", "test"]);
  });

  it("leaves a test among many subjects, and says so; and what only has the word", () => {
    const subjects = ["cats/a.png", "dogs/b.png", "test/c.png"].map((file) => picture(file));
    const { pictures, notes } = placeInSplits(subjects);
    expect(pictures).toEqual(subjects);
    expect(notes).toEqual([
      'The folder "test" is trained on like the 2 others next to it: if it is a split, put the others into a folder "train"',
    ]);
    expect(splitsOf(["test tubes/a.png", "latest/b.png", "cats/test/c.png"])).toEqual(
      Array(3).fill(undefined),
    );
    expect(splitsOf(["test_1.png", "train_2.png"])).toEqual([undefined, undefined]);
  });

  it("takes the column before the shard, and that before folders", () => {
    const container = "test-0.tar";
    const { pictures, notes } = placeInSplits([
      picture("train/a.png", { container }),
      picture("test/b.png", { container: "0.tar" }),
      picture("train/b.png", { container: "0.tar" }),
      picture("c.png", { container, columns: { split: "train", n: 1 } }),
    ]);
    expect(pictures.map(({ columns }) => columns)).toEqual([
      { split: "test" },
      { split: "test" },
      { split: "train" },
      { split: "train", n: 1 },
    ]);
    expect(notes).toEqual([
      "Splits were read off the names of files",
      "Splits were read off the names of folders",
    ]);
  });

  it("goes by the folders where a column is there and null", () => {
    const files = ["train/a.png", "test/b.png"];
    const { pictures } = placeInSplits(
      files.map((file) => picture(file, { columns: { split: null } })),
    );
    expect(pictures.map(({ columns }) => columns.split)).toEqual(["train", "test"]);
  });
});

describe("countSplits", () => {
  it("counts those that are trained on first, and nothing where nothing is marked", () => {
    const columns = [
      { split: "test" },
      { split: "train" },
      {},
      { split: "train" },
      { split: null },
    ];
    expect(countSplits(columns.map((own) => ({ columns: own })))).toEqual([
      { split: "train", pictures: 2, isHeldOut: false },
      { split: null, pictures: 2, isHeldOut: false },
      { split: "test", pictures: 1, isHeldOut: true },
    ]);
    expect(countSplits([{ columns: {} }, { columns: { n: 1 } }])).toEqual([]);
  });
});
