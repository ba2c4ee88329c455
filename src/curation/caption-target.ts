import { access, constants, lstat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Dataset, DatasetOptions } from "../data/dataset.ts";
import { filesOf } from "../data/layouts/detect-layout.ts";
import { listFiles } from "../data/layouts/list-files.ts";
import { InvalidValueError, TargetExistsError } from "../errors/index.ts";
import { parseRepository } from "../hub/index.ts";

/** Where captions go: into the `metadata.jsonl` of the data set's own folder, or into a new data set. */
export type CaptionTarget =
  | { readonly kind: "beside"; readonly metadata: string }
  | { readonly kind: "out"; readonly folder: string };

const JOURNAL = "captions-journal.jsonl";

/**
 * Decides where captions go before the first request. They can go next to the pictures if these are files with captions in `.txt`
 * files, in one `metadata.jsonl` at the top, or without any. Throws if they can't and no new folder is given, and if that folder
 * exists.
 */
export async function captionTarget(
  location: string,
  { layout, location: root }: Pick<Dataset, "layout" | "location">,
  read: DatasetOptions,
  out: string | undefined,
): Promise<CaptionTarget> {
  if (out !== undefined) {
    const folder = resolve(out);
    if ((await lstat(folder).catch(() => undefined)) === undefined) return { kind: "out", folder };
    throw new TargetExistsError(
      `Expected a new folder for the captioned data set but received ${folder}, which exists; ` +
        "name another, and if captions were already paid for, name their journal with --journal",
    );
  }
  const metadata = join(root, "metadata.jsonl");
  const reason =
    "name" in parseRepository(location, "dataset")
      ? `${location} is a data set on the Hub`
      : await whyNotBeside(root, layout, read, metadata);
  if (reason === undefined) {
    await access(root, constants.W_OK).catch((error: unknown) => {
      throw new InvalidValueError(
        `Expected a folder that can be written to, or --out with a new one, but received ${root}`,
        { cause: error },
      );
    });
    return { kind: "beside", metadata };
  }
  throw new InvalidValueError(
    `Expected a new folder for the captioned data set, --out, because ${reason}: captions can't be written next to its pictures`,
  );
}

async function whyNotBeside(
  root: string,
  layout: Dataset["layout"],
  read: DatasetOptions,
  metadata: string,
): Promise<string | undefined> {
  if (layout === "jsonl") {
    const others = filesOf("jsonl", await listFiles(root)).filter((file) => file !== metadata);
    return others.length === 0 ? undefined : `${root} keeps captions in ${others[0]}`;
  }
  const isPlain = layout === "side-cars" || layout === "pictures";
  if (!isPlain) return `${root} is a data set of the layout ${layout}`;
  return read.layout === undefined ? undefined : `${root} was read with --layout ${layout}`;
}

/** Default location of the journal: in the folder, or next to the new one. */
export const journalPath = (target: CaptionTarget): string =>
  target.kind === "out" ? `${target.folder}.${JOURNAL}` : join(target.metadata, "..", JOURNAL);
