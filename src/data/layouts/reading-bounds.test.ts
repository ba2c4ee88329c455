import { mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { RgbImage } from "../../images/index.ts";
import type { Dataset, DatasetOptions } from "../dataset.ts";
import { readDataset } from "../read-dataset.ts";
import { OUTSIDE } from "./reading-bounds.ts";

let work: string;
let root: string;
let out: string;
beforeEach(async () => {
  work = await realpath(await mkdtemp(join(tmpdir(), "pixart-bounds-")));
  root = join(work, "root");
  out = join(work, "out");
  const png = await new RgbImage(2, 2, new Uint8Array(12)).encodePng();
  for (const folder of [root, out]) {
    await mkdir(folder);
    for (const name of ["a.png", "b.png"]) await writeFile(join(folder, name), png);
    await writeFile(join(folder, "a.txt"), `of ${folder}`);
  }
});
afterEach(() => rm(work, { recursive: true }));

const read = (options: DatasetOptions = {}): Promise<Dataset> =>
  readDataset(root, { within: [root], acceptUncaptioned: true, ...options });
const files = ({ entries }: Dataset): string[] => entries.map(({ file }) => file);

it("leaves out links to pictures, folders, captions and tables that lead out of the folders", async () => {
  await symlink(join(out, "b.png"), join(root, "link.png"));
  await symlink(out, join(root, "more"));
  await symlink(join(out, "a.txt"), join(root, "b.txt"));
  await symlink(join(root, "a.png"), join(root, "c.png"));
  const dataset = await read();
  expect(files(dataset)).toEqual(["a.png", "b.png", "c.png"]);
  expect(dataset.entries.map(({ text }) => text)).toEqual([`of ${root}`, "", ""]);
  expect(dataset.unreadable).toEqual(
    ["b.txt", "link.png", "more"].map((name) => ({ path: join(root, name), reason: OUTSIDE })),
  );
  expect(dataset.images).toBe(5);
  const all = await read({ within: undefined });
  expect(files(all)).toEqual(["a.png", "b.png", "c.png", "link.png", "more/a.png", "more/b.png"]);
  expect(files(await read({ within: [root, out] }))).toEqual(files(all));
});

it("leaves out what a table names behind such a link, judged by none of its bytes", async () => {
  await writeFile(join(out, "secret.png"), "no picture");
  await symlink(out, join(root, "more"));
  const rows = ["b.png", "more/b.png", "more/secret.png"].map(
    (name) => `{"file_name": "${name}", "text": "x"}\n`,
  );
  await writeFile(join(root, "metadata.jsonl"), rows.join(""));
  await rm(join(root, "a.txt"));
  const dataset = await read();
  expect(files(dataset)).toEqual(["a.png", "b.png"]);
  expect(dataset.unreadable.map(({ path, reason }) => [path, reason])).toEqual(
    ["more", "more/b.png", "more/secret.png"].map((name) => [join(root, name), OUTSIDE]),
  );
});

it("reads PixArt's pictures only where they may be read", async () => {
  const set = join(out, "set");
  await mkdir(join(set, "InternImgs"), { recursive: true });
  await mkdir(join(set, "InternData"));
  await rename(join(out, "b.png"), join(set, "InternImgs", "b.png"));
  const list = join(set, "InternData", "data_info.json");
  await writeFile(list, JSON.stringify([{ path: "b.png", prompt: "b" }]));
  const within = [join(set, "InternData")];
  await expect(readDataset(join(set, "InternData"), { within })).rejects.toThrow(OUTSIDE);
  expect(files(await readDataset(join(set, "InternData"), { within: [set] }))).toEqual(["b.png"]);
});

it("reads no picture that became such a link after it was listed", async () => {
  const { entries } = await read();
  await rm(join(root, "b.png"));
  await symlink(join(out, "b.png"), join(root, "b.png"));
  await expect(entries[1]?.read()).rejects.toThrow(OUTSIDE);
});

it("reads no set that is itself such a link", async () => {
  await rm(root, { recursive: true });
  await symlink(out, root);
  await expect(read()).rejects.toThrow(`${root} can't be read: ${OUTSIDE}`);
});
