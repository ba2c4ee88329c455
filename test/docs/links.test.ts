import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parsePage } from "./markdown.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

/** Pages under a folder, but for the documentation of the code, which is made. */
const pagesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .map((name) => posix.join(folder, name.replaceAll("\\", "/")))
    .filter((name) => name.endsWith(".md") && !name.startsWith("docs/api/"));

const PAGES = [
  ...readdirSync(ROOT).filter((name) => name.endsWith(".md")),
  ...["docs", "models", "src", "test", "native", "bench"].flatMap(pagesIn),
];

/** What of a page's links leads nowhere. */
function broken(page: string, text: string): string[] {
  return parsePage(text).links.filter((link) => {
    const [target = "", anchor] = decodeURI(link).split("#");
    const file = target === "" ? page : posix.join(posix.dirname(page), target);
    if (target !== "" && !existsSync(join(ROOT, file))) return true;
    if (anchor === undefined) return false;
    return !parsePage(target === "" ? text : read(file)).anchors.has(anchor);
  });
}

/** Whether a file is in the package that npm packs. */
const PACKED: readonly string[] = JSON.parse(read("package.json")).files;
const isPacked = (file: string): boolean => {
  const matches = (entry: string): boolean => file === entry || file.startsWith(`${entry}/`);
  return (
    PACKED.some(matches) && !PACKED.some((entry) => entry[0] === "!" && matches(entry.slice(1)))
  );
};

describe("pages", () => {
  it.each(PAGES)("%s: every link and anchor is there", (page) => {
    expect(broken(page, read(page))).toEqual([]);
  });

  it.each(PAGES.filter(isPacked))("%s: links to nothing that the package lacks", (page) => {
    const targets = parsePage(read(page)).links.filter((link) => !link.startsWith("#"));
    const files = targets.map((link) =>
      posix.join(posix.dirname(page), link.replace(/#.*/, "")).replace(/\/$/, ""),
    );
    expect(files.filter((file) => !isPacked(file))).toEqual([]);
  });

  it.each(PAGES.filter((page) => parsePage(read(page)).excerpts.length > 0))(
    "%s: examples are word for word those in their files",
    (page) => {
      for (const { file, code } of parsePage(read(page)).excerpts) expect(code).toBe(read(file));
    },
  );

  it("docs/index.md names every page of docs/", () => {
    const named = parsePage(read("docs/index.md")).links.map((link) => posix.join("docs", link));
    expect(pagesIn("docs").filter((page) => !named.includes(page))).toEqual(["docs/index.md"]);
  });
});

describe("the check of links", () => {
  it.each([
    ["a file that is not there", "[a](nothing.md)", ["nothing.md"]],
    ["a picture that is not there", "![a](pictures/nothing.png)", ["pictures/nothing.png"]],
    ["a tag's source", '<img src="nothing.png">', ["nothing.png"]],
    ["a link in a table", "| a |\n|--|\n| [b](nothing.md) |", ["nothing.md"]],
    ["an anchor of this page", "# A b\n\n[a](#a-b) [c](#c)", ["#c"]],
    [
      "an anchor of another page",
      "[a](training.md#caches) [b](training.md#no)",
      ["training.md#no"],
    ],
    ["what is code", "`[a](nothing.md)`\n\n```md\n[a](nothing.md)\n```", []],
    ["another site", "[a](https://example.com/nothing.md)", []],
  ])("of %s", (_, text, expected) => {
    expect(broken("docs/page.md", text)).toEqual(expected);
  });

  it("knows headings with code, signs and doubles", () => {
    const { anchors } = parsePage("# `a.b()` of PixArt-α\n\n## Twice\n\n## Twice\n");
    expect([...anchors]).toEqual(["ab-of-pixart-α", "twice", "twice-1"]);
  });
});
