import { BadFileError, quote } from "../../files/reading/errors.ts";
import type { RegularFile } from "../../files/reading/regular-file.ts";
import { type ZipSpan, zipEntries } from "../../files/reading/zip-entries.ts";
import { bytesPerElement } from "../../torch/dtype.ts";
import { readPickle } from "./pickle.ts";
import { PickleRefusal, type TorchStorage } from "./pickle-values.ts";
import { storageOf, torchGlobal } from "./torch-globals.ts";
import { KnownStorages, LONGEST_PICKLE, refusing, type TorchLayout } from "./torch-layout.ts";

const STORED = { mayDeflate: false, expected: "a stored entry, as torch.save writes" };

type Entries = ReadonlyMap<string, ZipSpan>;

/** Whether the file is a zip, and so not a safetensors file: its first bytes would be too large for a header's length. */
export const isZip = (file: RegularFile): boolean =>
  file.size >= 4 && Buffer.from(file.read(0, 4)).equals(Buffer.from([0x50, 0x4b, 3, 4]));

/** The layout of a zip, written by torch.save since torch 1.6. Throws BadFileError for any other. */
export function readTorchArchive(file: RegularFile): TorchLayout {
  const entries = zipEntries(file, STORED);
  const root = findRoot(file, entries);
  const storages = new KnownStorages();
  const offsets = new Map<string, number>();
  const check = ({ key, length, dtype }: TorchStorage): void => {
    const span = entries.get(`${root}/data/${key}`);
    if (span === undefined) throw new PickleRefusal(`an entry data/${key}`, "none");
    const expected = length * bytesPerElement(dtype);
    if (span.length !== expected)
      throw new PickleRefusal(`${expected} bytes in data/${key}`, `${span.length}`);
    offsets.set(key, span.offset);
  };
  const { offset, length } = entries.get(`${root}/data.pkl`) ?? { offset: 0, length: 0 };
  if (length > LONGEST_PICKLE) {
    throw new BadFileError(file.path, "data.pkl", `at most ${LONGEST_PICKLE} bytes`, `${length}`);
  }
  const content = refusing(file, "data.pkl", () =>
    readPickle(file.read(offset, length), {
      global: torchGlobal,
      persistent: (id) => storages.once(storageOf(id), check),
    }),
  );
  return { content, offsets };
}

/** The folder that contains all entries. */
function findRoot(file: RegularFile, entries: Entries): string {
  const names = [...entries.keys()];
  const root = names[0]?.split("/", 1)[0] ?? "";
  const stray = names.find((name) => !name.startsWith(`${root}/`));
  const fail = (found: string, advice?: string): BadFileError =>
    new BadFileError(
      file.path,
      "zip",
      "one folder with data.pkl, as torch.save writes",
      found,
      advice,
    );
  if (stray !== undefined) throw fail(`${quote(stray)} next to ${quote(`${root}/`)}`);
  if (entries.has(`${root}/constants.pkl`)) {
    throw fail("a TorchScript archive", "save the state_dict of the model instead");
  }
  if (!entries.has(`${root}/data.pkl`)) throw fail(`${names.length} other entries`);
  const order = entries.get(`${root}/byteorder`);
  const name = order === undefined ? "little" : textOf(file, order);
  if (name !== "little") {
    throw new BadFileError(
      file.path,
      "byteorder",
      "little",
      quote(name),
      "save it again on another machine",
    );
  }
  return root;
}

const textOf = (file: RegularFile, { offset, length }: ZipSpan): string =>
  Buffer.from(file.read(offset, Math.min(length, 16))).toString("latin1");
