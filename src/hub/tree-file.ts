import { GIT_HASH, INNER_PATH, type RemoteFile, SHA256 } from "./remote-file.ts";

// huggingface_hub 2.4.0, `_tree_cache.py`
const VERSION = 1;

interface TreeEntry {
  readonly size: number;
  readonly blob_id: string;
  readonly lfs_sha256?: string | null;
  readonly lfs_size?: number | null;
  readonly xet_hash?: string | null;
}

/** Formats the list of a commit's files as huggingface_hub stores it, in JSON. */
export function formatTree(files: ReadonlyMap<string, RemoteFile>): string {
  const entries = [...files.values()].map(({ path, size, etag, isLarge, blobId, xetHash }) => {
    const entry: TreeEntry = {
      size,
      blob_id: blobId,
      ...(isLarge && { lfs_sha256: etag, lfs_size: size }),
      ...(xetHash !== undefined && { xet_hash: xetHash }),
    };
    return [path, entry] as const;
  });
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify({ format_version: VERSION, files: Object.fromEntries(entries) }, null, 1);
}

/** Parses such a list. Undefined for one that is damaged or of another version: it can be requested again. */
export function parseTree(text: string): ReadonlyMap<string, RemoteFile> | undefined {
  const tree = parseJson(text) as
    | { readonly format_version?: unknown; readonly files?: unknown }
    | null
    | undefined;
  if (tree?.format_version !== VERSION || !isObject(tree.files)) return undefined;
  const files = new Map<string, RemoteFile>();
  for (const [path, entry] of Object.entries(tree.files)) {
    if (!INNER_PATH.test(path) || !isEntry(entry)) return undefined;
    const sha256 = entry.lfs_sha256 ?? undefined;
    files.set(path, {
      path,
      size: entry.lfs_size ?? entry.size,
      etag: sha256 ?? entry.blob_id,
      isLarge: sha256 !== undefined,
      blobId: entry.blob_id,
      xetHash: entry.xet_hash ?? undefined,
    });
  }
  return files;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

const isHash = (value: unknown, pattern: RegExp): boolean =>
  typeof value === "string" && pattern.test(value);

const isSize = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

const isEntry = (entry: unknown): entry is TreeEntry =>
  isObject(entry) &&
  isSize(entry.size) &&
  isSize(entry.lfs_size ?? 0) &&
  isHash(entry.blob_id, GIT_HASH) &&
  [entry.lfs_sha256 ?? undefined, entry.xet_hash ?? undefined].every(
    (hash) => hash === undefined || isHash(hash, SHA256),
  );
