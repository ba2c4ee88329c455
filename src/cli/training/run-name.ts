import { basename, resolve } from "node:path";

/** The name of a run that learns from a folder: the folder's letters and digits, of any script, in lower case. */
export const runNameOf = (folder: string): string =>
  basename(resolve(folder))
    .normalize("NFC")
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, "-")
    .replace(/^-+|-+$/g, "") || "pictures";
