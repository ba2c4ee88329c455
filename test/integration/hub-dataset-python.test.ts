import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, vi } from "vitest";
import { resolveFiles } from "../../src/hub/index.ts";
import { runPython } from "../parity/python.ts";
import { name, testHub, treeOf } from "./hub-fixture.ts";

interface Answer {
  readonly wanted: string;
  readonly converted: string;
  readonly tree: readonly string[];
  readonly all: string;
  readonly scanned: readonly (readonly [string, string])[];
  readonly warnings: readonly string[];
  readonly theirs: string;
}

const dataset = { type: "dataset", name } as const;
const branch = "refs/convert/parquet";
const files = {
  "README.md": "# Pictures",
  "data/metadata.csv": "file_name,text",
  "data/train.parquet": "pictures",
};
const wanted = ["data/metadata.csv", "data/train.parquet"];
const choose = (paths: readonly string[]): string[] =>
  paths.filter((path) => wanted.includes(path));

it("shares data sets with Python's huggingface_hub, both ways", async () => {
  const { server, commit, cache, model } = await testHub(files, "dataset");
  const convertedCommit = server.commit({ "default/train/0000.parquet": "converted" }, branch);
  const own = await resolveFiles(dataset, { choose });
  const all = (paths: readonly string[]): readonly string[] => paths;
  const converted = await resolveFiles(dataset, { revision: branch, choose: all });
  const theirs = join(dirname(cache), "theirs");
  const script = fileURLToPath(new URL("hub-dataset.py", import.meta.url));
  const request = { name, wanted, branch, ours: cache, theirs, endpoint: server.endpoint };
  const answer = (await runPython(script, request)) as Answer;

  // Offline, Python finds what was downloaded here, and knows what was not.
  expect(answer.wanted).toBe(own.folder);
  expect(answer.converted).toBe(converted.folder);
  expect(answer.converted).toBe(join(model, "snapshots", convertedCommit));
  expect(answer.tree).toEqual(Object.keys(files));
  expect(answer.all).toContain("1 file(s) are missing (README.md)");
  expect(answer.scanned).toEqual([["dataset", name]]);
  expect(answer.warnings).toEqual([]);

  // From the same server it makes the same files, links and list, and they are found here, offline.
  const theirRepository = join(theirs, "datasets--someone--tiny-pixart");
  const parts = (repository: string) =>
    [`snapshots/${commit}`].map((part) => treeOf(join(repository, part)));
  expect(parts(theirRepository)).toEqual(parts(model));
  const list = (repository: string): unknown =>
    JSON.parse(readFileSync(join(repository, "trees", `${commit}.json`), "utf8"));
  expect(list(model)).toEqual(list(theirRepository));
  vi.stubEnv("HF_HUB_CACHE", theirs);
  vi.stubEnv("HF_HUB_OFFLINE", "1");
  expect(await resolveFiles(dataset, { choose })).toMatchObject({
    folder: answer.theirs,
    files: wanted,
    paths: Object.keys(files),
  });
});
