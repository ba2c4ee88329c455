import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";

const PAGE = fileURLToPath(new URL("../../dist/page/", import.meta.url));
const names = await readdir(PAGE, { recursive: true });
const files = await Promise.all(
  names
    .filter((name) => extname(name) !== "")
    .map(async (name) => ({ name, text: await readFile(join(PAGE, name), "utf8") })),
);

/** Bytes of all files of a kind as they travel. */
const packed = (kind: string): number =>
  files
    .filter(({ name }) => extname(name) === kind)
    .reduce((sum, { text }) => sum + gzipSync(text).length, 0);

it("is small", () => {
  expect(packed(".js")).toBeGreaterThan(10_000);
  expect(packed(".js")).toBeLessThanOrEqual(80_000);
  expect(packed(".css")).toBeLessThanOrEqual(15_000);
});

it("names no other place to fetch from", () => {
  const places = files.flatMap(({ name, text }) =>
    [...text.matchAll(/https?:\/\/[\w.-]+/g)].map(([address]) => `${name}: ${address}`),
  );
  // Namespaces of XML, and the router's error message, are never fetched.
  const read = /: (http:\/\/www\.w3\.org|https:\/\/github\.com)$/;
  expect(places.filter((place) => !read.test(place))).toEqual([]);
});

it("has no script or style within its HTML, which the server's policy refuses", () => {
  const html = files.find(({ name }) => name === "index.html")?.text ?? "";
  expect(html).toContain('<script type="module"');
  expect(html).not.toMatch(/<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)/);
});
