import { createHash } from "node:crypto";
import type { ParsedConfig, ResolvedConfig } from "../../config/index.ts";
import type { PictureSize } from "../../data/buckets.ts";
import type { ControlPicture, Dataset, DatasetEntry } from "../../data/dataset.ts";
import { DEMO_THINGS } from "../../data/emoji/demo-things.ts";
import { captionsOf } from "../../data/layouts/several-captions.ts";
import { isHeldOut } from "../../data/layouts/splits.ts";
import { loadPictures } from "../../data/load-pictures.ts";
import { readDataset } from "../../data/read-dataset.ts";
import { describeReasons, describeSplits } from "../../data/reasons.ts";
import type { UnreadableLimit } from "../../data/unreadable-limit.ts";
import { DatasetError } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { Split } from "../contract/stage-task.ts";
import { type Content, PictureContents, type ReadFile } from "./picture-contents.ts";

/** A training example: a picture with its captions. */
export interface Example {
  /** Path below the data folder. */
  readonly file: string;
  readonly path: string;
  /** The bytes of its file, read again on every call. */
  read(): Promise<Uint8Array>;
  /** Hash and size of its file if that need not be read again. */
  readonly known?: (() => Promise<Content | undefined>) | undefined;
  /** Its size when upright, from the file header; read once. Throws ImageError, naming the file. */
  size(): Promise<PictureSize>;
  /** Its control picture for a ControlNet, if the data set has one. */
  readonly control?: (ControlPicture & Pick<Example, "known">) | undefined;
  readonly shortCaption: string;
  /** All its short captions, the main one first, if the data set has several. */
  readonly shortCaptions?: readonly string[] | undefined;
  /** The short caption if the data has no dense one, or if one prompt replaces all captions. */
  readonly denseCaption: string;
  /** The thing it shows, if the data says so. */
  readonly thing: string | undefined;
  readonly group: string | undefined;
  readonly style: string | undefined;
  /** Index of its class among the classes of the chosen part; undefined if the data has no classes. */
  readonly classLabel: number | undefined;
}

/** The settings that decide which pictures of a data set are trained on. */
export type DatasetChoice = Pick<ResolvedConfig["dataset"], "folder" | "things" | "styles"> &
  Partial<
    Pick<
      ResolvedConfig["dataset"],
      | "groups"
      | "heldoutShare"
      | "revision"
      | "layout"
      | "imageColumn"
      | "textColumn"
      | "controlColumn"
      | "controlFolder"
      | "instancePrompt"
      | "classFolder"
      | "classPrompt"
    >
  >;

/** The chosen part of a data set. */
export interface TrainingData {
  readonly train: readonly Example[];
  /** Never trained on. */
  readonly heldout: readonly Example[];
  /** Pictures of DreamBooth's class, in addition to the data set; empty if the config names no folder for them. */
  readonly prior: readonly Example[];
  readonly classCount: number;
  readonly dataset: Dataset;
  /** Hashes of the bytes of its pictures. */
  readonly contents: PictureContents;
}

const textColumn = (entry: DatasetEntry, name: string): string | undefined => {
  const value = entry.columns[name];
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
};

/** The entries whose column has one of the chosen values. Throws if there are no pictures of one; a number chooses the first values. */
function chooseBy(
  column: "thing" | "group" | "style",
  chosen: readonly string[] | number | null,
  entries: readonly DatasetEntry[],
  location: string,
): readonly DatasetEntry[] {
  if (chosen === null) return entries;
  const known = [...new Set(entries.flatMap((entry) => textColumn(entry, column) ?? []))].sort();
  const values = typeof chosen === "number" ? known.slice(0, chosen) : chosen;
  const unknown = values.filter((value) => !known.includes(value));
  if (unknown.length > 0) {
    throw new DatasetError(
      `The data set ${location} has no pictures of: ${unknown.join(", ")}. Name ${column}s that its "${column}" column lists`,
    );
  }
  return entries.filter((entry) => values.includes(textColumn(entry, column) ?? ""));
}

function chooseEntries(config: DatasetChoice, dataset: Dataset): readonly DatasetEntry[] {
  const { groups = null, styles } = config;
  const things = config.things === "demo" ? DEMO_THINGS : config.things;
  const inGroups = chooseBy("group", groups, dataset.entries, dataset.location);
  const ofThings = chooseBy("thing", things, inGroups, dataset.location);
  return chooseBy("style", styles, ofThings, dataset.location);
}

function severalCaptions(entry: DatasetEntry): Pick<Example, "shortCaptions"> {
  const shortCaptions = captionsOf(entry);
  return shortCaptions.length > 1 ? { shortCaptions } : {};
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

const rememberedIn = (
  contents: PictureContents,
  file: ReadFile,
): Pick<Example, "path" | "read" | "known"> => ({
  path: file.path,
  read: contents.remembering(file),
  known: () => contents.known(file),
});

/** A number in [0, 1) derived from a picture's name: a growing data set keeps its held-out pictures. */
const shareOf = (file: string): number =>
  createHash("sha256").update(file).digest().readUInt32BE() / 2 ** 32;

/** Reads the data set and selects the part that the config names. Throws if that part is empty. */
export async function loadTrainingData(config: DatasetChoice): Promise<TrainingData> {
  const { revision, layout, imageColumn, textColumn: captions, instancePrompt } = config;
  const { classFolder, classPrompt } = config;
  const dataset = await readDataset(config.folder, {
    revision: revision ?? undefined,
    layout: layout ?? undefined,
    imageColumn: imageColumn ?? undefined,
    textColumn: captions ?? undefined,
    controlColumn: config.controlColumn ?? undefined,
    controlFolder: config.controlFolder ?? undefined,
    instancePrompt: instancePrompt ?? undefined,
    classFolder: classFolder ?? undefined,
    classPrompt: classPrompt ?? undefined,
  });
  const entries = chooseEntries(config, dataset);
  const classes = [
    ...new Set(
      entries.flatMap(({ columns: { class: label } }) =>
        Number.isFinite(label) || typeof label === "bigint" ? (label as number | bigint) : [],
      ),
    ),
  ].sort((a, b) => (a < b ? -1 : 1));
  const labels = new Map(classes.map((value, label) => [value, label]));
  const contents = new PictureContents();
  // One prompt for all pictures replaces every caption, the dense one too.
  const example = (entry: DatasetEntry, prompt: string | null | undefined): Example => ({
    file: entry.file,
    ...rememberedIn(contents, entry),
    control: entry.control && rememberedIn(contents, entry.control),
    size: once(() => contents.size(entry)),
    shortCaption: entry.text,
    ...severalCaptions(entry),
    denseCaption: prompt ?? textColumn(entry, "dense_text") ?? entry.text,
    thing: textColumn(entry, "thing"),
    group: textColumn(entry, "group"),
    style: textColumn(entry, "style"),
    classLabel: labels.get(entry.columns.class as number | bigint),
  });
  const isMarked = entries.some(isHeldOut);
  const isKept = (entry: DatasetEntry): boolean =>
    isMarked ? isHeldOut(entry) : shareOf(entry.file) < (config.heldoutShare ?? 0);
  const own = (entry: DatasetEntry): Example => example(entry, instancePrompt);
  const train = entries.filter((entry) => !isKept(entry)).map(own);
  if (train.length === 0) {
    throw new DatasetError(
      `Nothing to train on is left in ${dataset.location} (${dataset.captioned} captioned pictures) after choosing groups, things and styles and holding pictures out${dataset.splits.length > 0 ? `. Its splits: ${describeSplits(dataset.splits)}` : ""}`,
    );
  }
  return {
    train,
    heldout: entries.filter(isKept).map(own),
    prior: dataset.classEntries.map((entry) => example(entry, classPrompt)),
    classCount: classes.length,
    dataset,
    contents,
  };
}

/** The pictures of a stage. */
export type StageExamples = Readonly<Record<Split, readonly Example[]>>;

/** Selects a stage's pictures from the chosen part. */
export function stageExamples(
  stage: ParsedConfig["stages"][number],
  { train, heldout }: Pick<TrainingData, Split>,
): StageExamples {
  if (stage.kind !== "text-to-image" || !stage.curated) return { train, heldout };
  const all = [...train, ...heldout];
  return { train: curated(train, all), heldout: curated(heldout, all) };
}

/** The curated part: things drawn in every style, which are common and well drawn. Everything if there are no styles. */
export function curated(examples: readonly Example[], all: readonly Example[]): Example[] {
  const styles = new Set(all.flatMap(({ style }) => style ?? []));
  if (styles.size === 0) return [...examples];
  const seen = new Map<string, Set<string>>();
  for (const { thing, style } of all) {
    if (thing === undefined || style === undefined) continue;
    const own = seen.get(thing) ?? new Set<string>();
    seen.set(thing, own.add(style));
  }
  return examples.filter(
    ({ thing }) => thing === undefined || seen.get(thing)?.size === styles.size,
  );
}

/** What {@link Pictures.load} does about unreadable pictures. */
export interface PicturesTold {
  /** Counts them with those of the stage's other lists. */
  readonly limit: UnreadableLimit;
  readonly warn: (message: string) => void;
}

/** Pictures in memory, as 8-bit values so that a whole data set of small ones fits. */
export class Pictures {
  readonly #data: Tensor; // (N, H, W, 3) uint8
  /** The readable examples, in the given order. */
  readonly examples: readonly Example[];

  private constructor(bytes: Uint8Array, shape: readonly number[], examples: readonly Example[]) {
    this.#data = torch.keep(torch.fromTypedArray(bytes, shape));
    this.examples = examples;
  }

  /**
   * Decodes examples and resizes them to squares; unreadable ones are skipped with warnings. Throws UnreadablePicturesError if there
   * are too many.
   */
  static async load(
    examples: readonly Example[],
    size: number,
    { limit, warn }: PicturesTold,
  ): Promise<Pictures> {
    const loaded = await loadPictures(examples, { size, maxUnreadable: 1 });
    limit.add(loaded.unreadable);
    for (const line of describeReasons(loaded.unreadable)) warn(`Left out: ${line}`);
    return new Pictures(loaded.data, loaded.shape, loaded.entries);
  }

  get length(): number {
    return this.#data.size(0);
  }

  /** (B, 3, H, W) in [-1, 1]. */
  batch(ids: readonly number[]): Tensor {
    return torch.tidy(() => {
      const rows = this.#data.indexSelect(0, torch.tensor([...ids], { dtype: "int64" }));
      return rows.permute([0, 3, 1, 2]).float().div(127.5).sub(1).contiguous();
    });
  }

  dispose(): void {
    this.#data.dispose();
  }
}
