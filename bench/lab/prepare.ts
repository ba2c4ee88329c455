import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { T5Tokenizer } from "../../src/text/index.ts";
import type { Labels } from "./design.ts";
import type { LabOptions } from "./options.ts";
import { choosePairs, type Pair, readPairs, relabelled } from "./pairs.ts";

const VOCABULARY = 2048;
const LABELS: readonly Labels[] = ["own", "groups", "shuffled"];

/** What all runs of a lab learn from. */
export class LabData {
  readonly folder: string;
  readonly pairs: readonly Pair[];
  readonly tokenizer: T5Tokenizer;

  private constructor(folder: string, pairs: readonly Pair[], tokenizer: T5Tokenizer) {
    this.folder = folder;
    this.pairs = pairs;
    this.tokenizer = tokenizer;
  }

  /** Opens what is in a lab's folder, made before. */
  static async open(folder: string): Promise<LabData> {
    const pairs = readPairs(dataFolder(folder, "own"));
    const tokenizer = await T5Tokenizer.fromPretrained(tokenizerFolder(folder));
    return new LabData(folder, pairs, tokenizer);
  }

  get train(): Pair[] {
    return this.pairs.filter(({ split }) => split === "train");
  }
}

/** A data set of a lab. */
export const dataFolder = (folder: string, labels: Labels): string => join(folder, "data", labels);

/** The tokenizer that all runs of a lab share. */
export const tokenizerFolder = (folder: string): string => join(folder, "tokenizer");

/** Makes the data sets and the tokenizer in a lab's folder, unless they are there. */
export async function prepare(folder: string, options: LabOptions): Promise<LabData> {
  if (!existsSync(join(folder, "data"))) {
    const pairs = choosePairs(readPairs(options.data), options.things);
    const captions = pairs
      .filter(({ split }) => split === "train")
      .flatMap(({ text, dense_text }) => [text, dense_text]);
    const tokenizer = T5Tokenizer.fromCaptions(captions, { vocabSize: VOCABULARY });
    await tokenizer.savePretrained(tokenizerFolder(folder));
    const unfinished = join(folder, "data.part");
    rmSync(unfinished, { recursive: true, force: true });
    for (const labels of LABELS)
      writePairs(join(unfinished, labels), relabelled(pairs, labels), options.data);
    renameSync(unfinished, join(folder, "data"));
  }
  return LabData.open(folder);
}

function writePairs(target: string, pairs: readonly Pair[], source: string): void {
  for (const { file_name } of pairs) {
    mkdirSync(dirname(join(target, file_name)), { recursive: true });
    copyFileSync(join(source, file_name), join(target, file_name));
  }
  const lines = pairs.map((pair) => `${JSON.stringify(pair)}\n`);
  writeFileSync(join(target, "metadata.jsonl"), lines.join(""));
}
