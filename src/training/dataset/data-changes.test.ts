import { describe, expect, it } from "vitest";
import { dataChanges, describeDataChanges, onlyGrew } from "./data-changes.ts";
import { DataRecord, type RecordedPicture } from "./data-record.ts";

const record = (...pictures: readonly RecordedPicture[]): DataRecord => new DataRecord(pictures);
const one = (file: string, bytes: string | null, words = "w"): RecordedPicture => ({
  file,
  words,
  bytes,
});

describe("dataChanges", () => {
  it("tells what is new, gone, edited and renamed", () => {
    const before = record(
      one("a", "1"),
      one("b", "2"),
      one("c", "3"),
      one("d", "4"),
      one("e", null),
    );
    const now = record(
      one("a", "1"),
      one("b", "2", "x"),
      one("c", "9"),
      one("dd", "4"),
      one("f", "6"),
    );
    const changes = dataChanges(before, now);
    expect(changes).toEqual({
      added: ["f"],
      removed: ["e"],
      edited: [
        ["b", "its caption, class or split"],
        ["c", "the picture"],
      ],
      renamed: new Map([["d", "dd"]]),
      isReordered: false,
    });
    expect(describeDataChanges(changes)).toBe(
      "1 added (f), 1 removed (e), 2 edited (b: its caption, class or split; c: the picture), 1 renamed (d to dd)",
    );
    expect(onlyGrew(changes)).toBe(false);
  });

  it("tells a renamed picture's new caption, and renames of equal pictures once each", () => {
    const changes = dataChanges(
      record(one("a", "1"), one("b", "1")),
      record(one("x", "1", "other"), one("y", "1"), one("z", "1")),
    );
    expect(changes.renamed).toEqual(
      new Map([
        ["a", "x"],
        ["b", "y"],
      ]),
    );
    expect(changes.edited).toEqual([["a", "its caption, class or split"]]);
    expect(changes.added).toEqual(["z"]);
  });

  it("tells a control picture that is another, and names a few of many", () => {
    const many = Array.from({ length: 9 }, (_, i) => one(String(i), String(i)));
    const edited = record({ ...one("a", "1"), control: "5" }, ...many);
    const changes = dataChanges(record({ ...one("a", "1"), control: "4" }), edited);
    expect(describeDataChanges(changes)).toBe(
      "9 added (0; 1; 2; …), 1 edited (a: its control picture)",
    );
    expect(onlyGrew({ ...changes, edited: [] })).toBe(true);
  });

  it("tells pictures of one name apart, as rows of a table may name one file twice", () => {
    const before = record(one("a", "1", "x"), one("a", "1", "y"));
    const grown = dataChanges(before, record(...before.pictures, one("a", "1", "z")));
    expect(describeDataChanges(grown)).toBe("1 added (a (number 3 of that name))");
    expect(onlyGrew(grown)).toBe(true);
    const edited = dataChanges(before, record(one("a", "1", "x"), one("a", "1", "z")));
    expect(describeDataChanges(edited)).toBe(
      "1 edited (a (number 2 of that name): its caption, class or split)",
    );
  });

  it("takes no other order for growth", () => {
    const before = record(one("a", "1"), one("b", "2"));
    const turned = dataChanges(before, record(one("b", "2"), one("a", "1")));
    expect(describeDataChanges(turned)).toBe("its pictures are in another order");
    const more = dataChanges(before, record(one("b", "2"), one("c", "3"), one("a", "1")));
    expect(describeDataChanges(more)).toBe("1 added (c), its pictures are in another order");
    expect([turned, more].map(onlyGrew)).toEqual([false, false]);
    const among = dataChanges(before, record(one("a", "1"), one("aa", "3"), one("b", "2")));
    expect(onlyGrew(among)).toBe(true);
  });

  it("finds nothing where nothing changed", () => {
    const same = record(one("a", "1"), one("b", null));
    expect(describeDataChanges(dataChanges(same, same))).toBe("");
  });
});
