import { createHash } from "node:crypto";
import { mapConcurrent } from "../data/map-concurrent.ts";
import { BadFileError } from "../weights/errors.ts";
import { EncodingProgress } from "./encoding-progress.ts";
import type { Example, TrainingData } from "./training-data.ts";

/** Small files wait for the disk more than for anything else. */
const READ_AT_ONCE = 8;

/** A picture of a run, as it was. */
export interface RecordedPicture {
  /** Its name in the data set; of a class picture with that said. */
  readonly file: string;
  /** Hash of what is said about it: captions, class, thing, style and split. */
  readonly words: string;
  /** Hash of its bytes; null where it cannot be read. */
  readonly bytes: string | null;
  /** Likewise of its control picture, where it has one. */
  readonly control?: string | null;
}

/** What a run learnt from: each picture's name, words and bytes. Equal records are equal data, on whichever machine. */
export class DataRecord {
  readonly pictures: readonly RecordedPicture[];
  /** One line a picture. */
  readonly text: string;
  /** SHA-256 of the text, hexadecimal. */
  readonly digest: string;

  private constructor(pictures: readonly RecordedPicture[]) {
    this.pictures = pictures;
    this.text = pictures.map((picture) => `${JSON.stringify(picture)}\n`).join("");
    this.digest = createHash("sha256").update(this.text).digest("hex");
  }

  /** Records what a data set is now. Reads those pictures whose bytes are not known. */
  static async of(
    data: TrainingData,
    say?: (line: string) => void,
    signal?: AbortSignal,
  ): Promise<DataRecord> {
    const { train, heldout, prior, contents } = data;
    const listed = [
      ...listedAs("train", train),
      ...listedAs("heldout", heldout),
      ...listedAs("class", prior),
    ];
    const progress = new EncodingProgress("Comparing pictures", listed.length, say);
    const pictures = await mapConcurrent(
      listed,
      READ_AT_ONCE,
      async ({ file, words, example }): Promise<RecordedPicture> => {
        signal?.throwIfAborted();
        const { control } = example;
        const bytes = await contents.hash(example);
        const shown = control === undefined ? {} : { control: await contents.hash(control) };
        progress.done(1);
        return { file, words, bytes, ...shown };
      },
    );
    return new DataRecord(pictures);
  }

  /** Hash of the names and words alone, for which nothing is read. */
  static wordsOf({ train, heldout, prior }: TrainingData): string {
    const hash = createHash("sha256");
    for (const { file, words } of [
      ...listedAs("train", train),
      ...listedAs("heldout", heldout),
      ...listedAs("class", prior),
    ])
      hash.update(JSON.stringify([file, words]));
    return hash.digest("hex");
  }

  /** Reads what {@link text} was written to. Throws BadFileError where it is not of this digest. */
  static parse(path: string, text: string, digest: string): DataRecord {
    const found = createHash("sha256").update(text).digest("hex");
    if (found !== digest)
      throw new BadFileError(path, "sha256", `${digest}, as its name says`, found);
    return new DataRecord(
      text
        .trimEnd()
        .split("\n")
        .map((line): RecordedPicture => JSON.parse(line)),
    );
  }
}

type Listed = Pick<RecordedPicture, "file" | "words"> & { readonly example: Example };

const listedAs = (list: "train" | "heldout" | "class", examples: readonly Example[]): Listed[] =>
  examples.map((example) => ({
    file: list === "class" ? `${example.file} (class picture)` : example.file,
    words: wordsOf(list, example),
    example,
  }));

function wordsOf(list: string, example: Example): string {
  const { shortCaption, shortCaptions, denseCaption, thing, style, classLabel } = example;
  const words = [
    ...[list, shortCaption, shortCaptions ?? [], denseCaption],
    ...[thing ?? null, style ?? null, classLabel ?? null],
  ];
  return createHash("sha256").update(JSON.stringify(words)).digest("hex").slice(0, 16);
}
