import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { tinyConfig } from "../../../test/fixtures/tiny-config.ts";
import { configFromJson } from "../../config/index.ts";
import { temporaryName } from "../../files/temporary-name.ts";
import { RunFolder } from "../run-folder/run-folder.ts";
import { cleanRun } from "./run-leftovers.ts";

const top = mkdtempSync(join(tmpdir(), "pixart-leftovers-"));
afterAll(() => rmSync(top, { recursive: true }));

it("what killed processes left of a run's own files goes, and nothing else", async () => {
  const path = join(top, "run");
  const config = configFromJson(JSON.stringify(tinyConfig(join(top, "data"))), "tiny.json");
  using run = await RunFolder.create(path, config, "again");
  const losses = join(path, "losses");
  mkdirSync(losses);
  const data = join(path, "data");
  mkdirSync(data);
  const tokenizer = join(path, "tokenizer");
  mkdirSync(tokenizer);
  const before = readdirSync(path).sort();
  for (const name of ["config.json", "recipe.json", "run.json", "README.md"])
    writeFileSync(join(path, temporaryName(name)), "half");
  writeFileSync(join(losses, temporaryName("captions.jsonl")), "half");
  writeFileSync(join(tokenizer, temporaryName("tokenizer.json")), "half");
  writeFileSync(join(data, temporaryName("known.jsonl")), "half");
  writeFileSync(join(run.samples, temporaryName("captions-00000004.png")), "half");
  const others = [temporaryName("notes.txt"), ".tmp-README.md", "config.json.12345"];
  for (const name of others) symlinkSync(top, join(path, name));
  await cleanRun(run);
  expect(readdirSync(path).sort()).toEqual([...before, ...others].sort());
  expect([losses, data, tokenizer, run.samples].flatMap((each) => readdirSync(each))).toEqual([]);
});
