import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { readDataset } from "../../src/data/read-dataset.ts";
import { convertDataset } from "../../src/data/writing/convert-dataset.ts";
import { RgbImage } from "../../src/images/index.ts";
import { loadTrainingData } from "../../src/training/dataset/training-data.ts";
import { filesIn, name, type TestHub, testHub, treeOf } from "./hub-fixture.ts";
import { pixartHere } from "./in-process.ts";

type Files = Record<string, Buffer | string>;

const work = mkdtempSync(join(tmpdir(), "pixart-hub-data-"));
afterAll(() => rmSync(work, { recursive: true }));

const train = "data/train-00000-of-00001.parquet";
const test = "data/test-00000-of-00001.parquet";
const script = { "README.md": "# Pictures", "tiny-pixart.py": "raise SystemExit" };
/** Seven pictures: four of `train`, three of `test`. */
let pictures: Files;
let parquet: Files;
let tars: Files;

beforeAll(async () => {
  const source = join(work, "source");
  await mkdir(source);
  const lines: string[] = [];
  for (let i = 0; i < 7; i += 1) {
    const image = RgbImage.filled(40, 30, [i, 20, 200]);
    await image.save(join(source, `${i}.png`));
    const split = i < 4 ? "train" : "test";
    lines.push(JSON.stringify({ file_name: `${i}.png`, text: `picture ${i}`, split }));
  }
  await writeFile(join(source, "metadata.jsonl"), lines.join("\n"));
  pictures = filesIn(source);
  const converted = async (to: "parquet" | "webdataset"): Promise<Files> => {
    await convertDataset(source, join(work, to), { to });
    return filesIn(join(work, to));
  };
  parquet = await converted("parquet");
  tars = await converted("webdataset");
});

const datasetHub = (files: Files): Promise<TestHub> => testHub({ ...script, ...files }, "dataset");
const texts = async (options?: Parameters<typeof readDataset>[1]): Promise<string[]> =>
  (await readDataset(name, options)).entries.map(({ text }) => text);
const four = [0, 1, 2, 3].map((i) => `picture ${i}`);
/** What was downloaded, by its path in the repository. */
const downloads = ({ server, commit }: TestHub, of = commit): string[] =>
  server
    .log("hub")
    .filter((line) => line.startsWith(`GET /datasets/${name}/resolve/${of}/`))
    .map((line) => line.slice(line.indexOf(of) + of.length + 1))
    .sort();
const part = (file: string): Buffer => Buffer.from(parquet[file] ?? "");

describe("a data set's name", () => {
  it("goes through `pixart dataset check`: training's files alone, and where they are", async () => {
    const hub = await datasetHub(parquet);
    const { server, commit, model } = hub;
    const { stdout, stderr } = await pixartHere("dataset", "check", name, "--size", "256");
    expect(stdout).toContain(`${join(model, "snapshots", commit)}: parquet\n`);
    expect(stdout).toContain("pictures          4, of which 4 can be trained on\n");
    expect(stderr).toMatch(new RegExp(`^${name} at main, ${train}: [\\d.]+ k?B\n`));
    expect(downloads(hub)).toEqual([train]);
    expect(server.log("hub").filter((line) => line.includes("/api/"))).toEqual([
      `GET /api/datasets/${name}/revision/main`,
      `GET /api/datasets/${name}/tree/${commit}`,
    ]);
    server.requests.length = 0;
    const again = await pixartHere("dataset", "check", name, "--revision", commit, "--json");
    expect(JSON.parse(again.stdout)).toMatchObject({ images: 4, layout: "parquet" });
    expect(server.requests).toEqual([]);
  });

  it("trains and converts at a revision", async () => {
    const { server, commit } = await datasetHub(parquet);
    server.commit(tars);
    const choice = { folder: name, revision: commit, things: null, styles: null };
    const data = await loadTrainingData(choice);
    expect(data.train.map(({ shortCaption }) => shortCaption)).toEqual(four);
    const out = join(work, "side-cars");
    const to = ["--to", "side-cars", "--revision", commit];
    await pixartHere("dataset", "convert", name, out, ...to);
    expect(Object.keys(treeOf(out))).toHaveLength(8);
  });

  it("goes on where the connection broke, and never takes half for the whole", async () => {
    const other = "data/train-00001-of-00002.parquet";
    const { server, model, cache } = await datasetHub({
      "data/train-00000-of-00002.parquet": part(train),
      [other]: part(test),
    });
    server.faults.push(
      { path: "data/train-00000-of-00002.parquet", kind: "cut", after: 100 },
      { path: other, kind: "corrupt" },
    );
    await expect(texts()).rejects.toThrow(`${other}: expected ${part(test).length} bytes`);
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    await expect(texts()).rejects.toThrow(`${name}: revision main is not in the cache ${cache}`);
    vi.stubEnv("HF_HUB_OFFLINE", undefined);
    expect(await texts()).toHaveLength(7);
    expect(server.requests.some(({ range }) => range === "bytes=100-")).toBe(true);

    vi.stubEnv("HF_HUB_OFFLINE", "1");
    server.requests.length = 0;
    expect(await texts()).toHaveLength(7);
    const link = Object.keys(treeOf(model)).find((path) => path.endsWith(other)) ?? "";
    rmSync(join(model, link));
    await expect(texts()).rejects.toThrow(
      `${name}: ${other} is not in the cache ${cache}, and HF_HUB_OFFLINE forbids downloads; unset it`,
    );
    rmSync(join(model, "trees"), { recursive: true });
    await expect(texts()).rejects.toThrow(
      /: the list of files of [0-9a-f]{40} is not in the cache/,
    );
    expect(server.requests).toEqual([]);
  });

  it("goes on with the cache where the network is away", async () => {
    const { server, talk } = await datasetHub(parquet);
    expect(await texts()).toEqual(four);
    await server.stop();
    expect(await texts()).toEqual(four);
    expect(talk()).toMatch(/Using revision [0-9a-f]{40} from the cache/);
  });
});

describe("the layouts of a data set on the Hub", () => {
  it("takes a table with its pictures, each content once, and nothing else", async () => {
    const { "0.png": first = "" } = pictures;
    const hub = await datasetHub({
      ...pictures,
      "1.png": first,
      ".cache/2.png": "hidden",
      "big.zip": "no",
    });
    expect((await texts()).slice(0, 2)).toEqual(four.slice(0, 2));
    expect(downloads(hub)).toEqual(Object.keys(pictures).filter((path) => path !== "0.png"));
    expect(hub.talk()).toMatch(new RegExp(`^${name} at main, 7 files: `));
  });

  it("takes caption files, a prompt's pictures, and tars", async () => {
    const { "0.png": png = "" } = pictures;
    const beside = await datasetHub({ "a/0.png": png, "a/0.txt": "a box", "a/b.txt": "notes" });
    expect(await texts()).toEqual(["a box"]);
    expect(downloads(beside)).toEqual(["a/0.png", "a/0.txt"]);
    beside.server.commit({ ...script, "0.png": png });
    expect(await texts({ instancePrompt: "a sks box" })).toEqual(["a sks box"]);
    beside.server.commit({ ...script, ...tars });
    expect(await texts()).toHaveLength(7);
  });

  it("takes the pictures beside a metadata.parquet", async () => {
    const { "0.png": png = "" } = pictures;
    const hub = await datasetHub({ "metadata.parquet": part(train), "0.png": png });
    expect(await texts()).toEqual(four);
    expect(downloads(hub)).toEqual(["0.png", "metadata.parquet"]);
  });

  it("reads the default one of several configurations, and none where no one is the default", async () => {
    const { server } = await datasetHub({ ...parquet, [`large/${train.slice(5)}`]: part(train) });
    expect(await texts()).toEqual(four);
    server.commit({
      [`large/${train.slice(5)}`]: part(train),
      [`small/${train.slice(5)}`]: part(train),
      [`small/${test.slice(5)}`]: part(test),
    });
    await expect(texts()).rejects.toThrow(
      `${name}: expected parquet files of one configuration, or of one in a folder data or default, but found large, small; download the files of one and name their folder`,
    );
  });

  it("asks which of several to read, before any is downloaded", async () => {
    const hub = await datasetHub({ ...parquet, ...tars });
    await expect(texts()).rejects.toThrow(
      `${name} contains several layouts: parquet (${test}), webdataset (test-00000.tar). Say which one to read: layout`,
    );
    expect(downloads(hub)).toEqual([]);
    expect(await texts({ layout: "webdataset" })).toHaveLength(7);
  });
});

describe("the Hub's conversion to parquet", () => {
  const branch = "refs/convert/parquet";
  const zipped = { "pictures.zip": "zip", "metadata.csv": "file_name,text" };

  it("stands in where a data set's own files have no layout", async () => {
    const hub = await datasetHub(zipped);
    const { server, model } = hub;
    const commit = server.commit(
      {
        "default/train/0000.parquet": part(train),
        "default/test/0000.parquet": part(test),
        "small/train/0000.parquet": part(train),
      },
      branch,
    );
    const { location, entries } = await readDataset(name);
    expect(location).toBe(join(model, "snapshots", commit));
    expect(entries.map(({ columns }) => columns.split)).toEqual(Array(4).fill("train"));
    expect(downloads(hub)).toEqual([]);
    expect(downloads(hub, commit)).toEqual(["default/train/0000.parquet"]);
    expect(hub.talk()).toMatch(
      new RegExp(`^${name} at ${branch}, default/train/0000.parquet: [\\d.]+ k?B\n$`),
    );
    server.requests.length = 0;
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    expect(await texts()).toEqual(four);
    expect(await texts({ revision: branch })).toEqual(four);
    expect(server.requests).toEqual([]);
  });

  it("says where it is not whole", async () => {
    const { server, talk } = await datasetHub(zipped);
    const file = "default/partial-train/0000.parquet";
    server.commit({ [file]: part(train), "default/partial-test/0000.parquet": "" }, branch);
    expect(await texts()).toEqual(four);
    expect(talk()).toContain(
      `${name}: the Hub has converted the first part of this data set only; the rest is not read\n`,
    );
  });

  it("must have one configuration or a default one", async () => {
    const { server } = await datasetHub(zipped);
    server.commit({ "a/train/0000.parquet": "", "b/train/0000.parquet": "" }, branch);
    await expect(texts()).rejects.toThrow(
      `${name}: expected one configuration, or one that is called default, at ${branch} but found a, b; download the files of one and name their folder`,
    );
  });

  it("may not be there, and is none of another revision", async () => {
    const { server, commit } = await datasetHub(zipped);
    const found = `in commit ${commit}`;
    const files = "README.md, metadata.csv, pictures.zip, tiny-pixart.py";
    await expect(texts()).rejects.toThrow(
      `${name}: expected parquet or tar files, or pictures with captions, ${found} or a conversion to parquet at ${branch} but found ${files}`,
    );
    server.commit({ "default/train/0000.parquet": part(train) }, branch);
    await expect(texts({ revision: "main" })).rejects.toThrow(
      `${name}: expected parquet or tar files, or pictures with captions, ${found} but found ${files}`,
    );
  });
});

describe("what the Hub refuses", () => {
  it("says data set where it is one", async () => {
    const { server } = await datasetHub(parquet);
    const { host } = new URL(server.endpoint);
    await expect(readDataset("someone/else")).rejects.toThrow(
      `no folder or file someone/else here; as a name on the Hub: ${host} shows no data set of this name (404); check the spelling, and for a private data set set HF_TOKEN to a token that may read it`,
    );
    await expect(texts({ revision: "v9" })).rejects.toThrow(
      `${name}: expected a branch, tag or commit of this data set for revision but ${host} has no "v9"`,
    );
    await expect(texts({ revision: "a b" })).rejects.toThrow(
      'Expected a branch, a tag or a commit for revision but received "a b"',
    );
    server.refusal = { status: 403, headers: { "x-error-code": "GatedRepo" } };
    await expect(texts()).rejects.toThrow(
      `the data set is gated (403); accept its conditions at ${server.endpoint}/datasets/${name} and`,
    );
    const words = "Access to this resource is disabled.";
    server.refusal = { status: 403, headers: { "x-error-message": words } };
    await expect(texts()).rejects.toThrow(
      `${name}: ${host} has disabled the data set (403), so nobody can download it; use another one`,
    );
  });

  it("says of the recipes' data set that it was taken down, and what to take", async () => {
    const { server } = await datasetHub(parquet);
    const { host } = new URL(server.endpoint);
    await expect(readDataset("lambdalabs/pokemon-blip-captions")).rejects.toThrow(
      `no folder or file lambdalabs/pokemon-blip-captions here; as a name on the Hub: ${host} shows no data set of this name (404); check the spelling, and for a private data set set HF_TOKEN to a token that may read it; ` +
        "it was taken down from the Hub in April 2024: take a data set of the same form with --cfg-options dataset.folder=lambdalabs/naruto-blip-captions, or a folder of your own, or one with a copy of it",
    );
  });

  it("keeps hostile lists out of the file names", async () => {
    const { server, cache } = await datasetHub(parquet);
    server.rewriteTree = (entry) => ({ ...entry, path: "../../../../train.parquet" });
    await expect(texts()).rejects.toThrow(
      `${name}: expected a path inside the repository from ${server.endpoint} but received "../../../../train.parquet"`,
    );
    expect(() => treeOf(cache)).toThrow("ENOENT");
  });
});
