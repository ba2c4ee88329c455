import { describe, expect, it } from "vitest";
import { parseTree } from "./tree-file.ts";

const blob = "0123456789".repeat(4);
const sha256 = "ab".repeat(32);
const tree = (files: unknown, format_version: unknown = 1): string =>
  JSON.stringify({ format_version, files });

describe("parseTree", () => {
  it("reads what git keeps and what is kept outside of it", () => {
    const large = { size: 5, blob_id: blob, lfs_sha256: sha256, lfs_size: 5, xet_hash: sha256 };
    const files = parseTree(tree({ "a.txt": { size: 3, blob_id: blob }, "b/c.bin": large }));
    expect([...(files ?? [])]).toEqual([
      ["a.txt", { path: "a.txt", size: 3, etag: blob, isLarge: false, blobId: blob }],
      [
        "b/c.bin",
        { path: "b/c.bin", size: 5, etag: sha256, isLarge: true, blobId: blob, xetHash: sha256 },
      ],
    ]);
  });

  it.each([
    ["half a file", tree({}).slice(0, 10)],
    ["null", "null"],
    ["another version", tree({}, 2)],
    ["no files", tree(undefined)],
    ["a hash that leads away", tree({ a: { size: 1, blob_id: "../../a" } })],
    ["a second hash that leads away", tree({ a: { size: 1, blob_id: blob, lfs_sha256: "../a" } })],
    ["no size", tree({ a: { size: "1", blob_id: blob } })],
    ...["..", "../a", "a/../b", "/a", "a//b", "a/", "./a", "a\\b", ""].map((path) => [
      `the path ${JSON.stringify(path)}`,
      tree({ [path]: { size: 1, blob_id: blob } }),
    ]),
  ])("asks anew for %s", (_, text) => {
    expect(parseTree(text)).toBeUndefined();
  });

  it("takes any name that stays inside", () => {
    const entry = { size: 1, blob_id: blob };
    const names = ["...", "a..b", ".a/b", "a b/é.png", "__proto"];
    const files = parseTree(tree(Object.fromEntries(names.map((path) => [path, entry]))));
    expect([...(files?.keys() ?? [])]).toEqual(names);
  });
});
