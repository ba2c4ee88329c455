import { createHash } from "node:crypto";
import { mapConcurrent } from "../../data/map-concurrent.ts";
import { BadFileError } from "../../files/reading/errors.ts";
import { linesToBytes, readLines } from "../../files/reading/lines.ts";
import { EncodingProgress } from "../progress/encoding-progress.ts";
import type { Example, TrainingData } from "./training-data.ts";

/** For small files most of the time is spent waiting for the disk. */
const READ_AT_ONCE = 8;

/** A picture of a run, as recorded. */
export interface RecordedPicture {
  /** Its name in the data set; class pictures are marked as such. */
  readonly file: string;
  /** Hash of its metadata: captions, class, thing, style and split. */
  readonly words: string;
  /** Hash of its bytes; null if it cannot be read. */
  readonly bytes: string | null;
  /** The same for its control picture, if it has one. */
  readonly control?: string | null;
}

/** Options of {@link DataRecord.of}. */
export interface RecordOptions {
  /** Prints progress if it takes long. */
  readonly say?: (line: string) => void;
  /** Aborting it stops the work; its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** Awaited after each picture. */
  readonly afterEach?: () => Promise<void>;
}

/** What a run was trained on: each picture's name, metadata and bytes. Equal records mean equal data, on any machine. */
export class DataRecord {
  readonly pictures: readonly RecordedPicture[];
  /** SHA-256 of the lines, hexadecimal. */
  readonly digest: string;

  /** @param digest if already known */
  constructor(pictures: readonly RecordedPicture[], digest?: string) {
    this.pictures = pictures;
    this.digest = digest ?? this.#hash();
  }

  #hash(): string {
    const hash = createHash("sha256");
    for (const bytes of linesToBytes(this.lines())) hash.update(bytes);
    return hash.digest("hex");
  }

  /** Its serialized form: one line per picture. */
  *lines(): Generator<string> {
    for (const picture of this.pictures) yield JSON.stringify(picture);
  }

  /** Records the current state of a data set. Reads only pictures whose hash is not known. */
  static async of(
    data: TrainingData,
    { say, signal, afterEach }: RecordOptions = {},
  ): Promise<DataRecord> {
    const { contents } = data;
    const listed = listedOf(data);
    const progress = new EncodingProgress("Comparing pictures", listed.length, { say });
    const pictures = await mapConcurrent(
      listed,
      READ_AT_ONCE,
      async ({ file, words, example }): Promise<RecordedPicture> => {
        signal?.throwIfAborted();
        const { control } = example;
        const bytes = await contents.hash(example);
        const shown = control === undefined ? {} : { control: await contents.hash(control) };
        progress.done(1);
        await afterEach?.();
        return { file, words, bytes, ...shown };
      },
    );
    return new DataRecord(pictures);
  }

  /** Hash of names and metadata alone, without reading any picture. */
  static wordsOf(data: TrainingData): string {
    const hash = createHash("sha256");
    for (const { file, words } of listedOf(data)) hash.update(JSON.stringify([file, words]));
    return hash.digest("hex");
  }

  /** Reads a file of {@link lines}. Throws BadFileError if they do not match the digest. */
  static async read(path: string, digest: string): Promise<DataRecord> {
    const pictures: RecordedPicture[] = [];
    const hash = createHash("sha256");
    try {
      for await (const lines of readLines(path)) {
        for (const { bytes } of lines) hash.update(bytes).update("\n");
        for (const { bytes } of lines) pictures.push(JSON.parse(bytes.toString()));
      }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    const found = hash.digest("hex");
    if (found === digest) return new DataRecord(pictures, digest);
    throw new BadFileError(path, "sha256", `${digest}, as the checkpoint has it,`, found);
  }
}

type Listed = Pick<RecordedPicture, "file" | "words"> & { readonly example: Example };

const listedOf = ({ train, heldout, prior }: TrainingData): Listed[] => [
  ...listedAs("train", train),
  ...listedAs("heldout", heldout),
  ...listedAs("class", prior),
];

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
