import fs, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { sep } from "node:path";

/** A call that changes the disk. `sync` is fsync of a file or a folder. */
export type FileSystemCall =
  | { readonly kind: "create" | "sync" | "mkdir" | "rmdir" | "unlink"; readonly path: string }
  | { readonly kind: "write"; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: "rename"; readonly path: string; readonly to: string };

/** Stands between the program and node:fs/promises: does the call, delays it, throws, or ends the process. */
export type Interceptor = (
  call: FileSystemCall,
  perform: () => Promise<unknown>,
) => Promise<unknown>;

/** Routes every call below `root` that changes the disk through `intercept` until the returned function is called. */
export function interceptCalls(root: string, intercept: Interceptor): () => void {
  const original = { ...fs };
  const isInside = (path: string): boolean => path === root || path.startsWith(root + sep);

  for (const kind of ["mkdir", "rmdir", "unlink"] as const) {
    const perform = original[kind] as (path: string, ...rest: unknown[]) => Promise<unknown>;
    const replacement = (path: string, ...rest: unknown[]): Promise<unknown> =>
      isInside(path)
        ? intercept({ kind, path }, () => perform(path, ...rest))
        : perform(path, ...rest);
    Object.assign(fs, { [kind]: replacement });
  }
  const rename = (path: string, to: string): Promise<unknown> =>
    isInside(path)
      ? intercept({ kind: "rename", path, to }, () => original.rename(path, to))
      : original.rename(path, to);
  const open = async (path: string, flags: string, ...rest: never[]): Promise<FileHandle> => {
    const perform = (): Promise<FileHandle> => original.open(path, flags, ...rest);
    if (!isInside(path)) return perform();
    const handle =
      flags === "r"
        ? await perform()
        : ((await intercept({ kind: "create", path }, perform)) as FileHandle);
    const write = handle.write.bind(handle) as (
      bytes: Uint8Array,
      start: number,
    ) => Promise<unknown>;
    const sync = handle.sync.bind(handle);
    return Object.assign(handle, {
      write: (bytes: Uint8Array, start = 0) =>
        intercept({ kind: "write", path, bytes: bytes.slice(start) }, () => write(bytes, start)),
      sync: () => intercept({ kind: "sync", path }, sync),
    });
  };
  Object.assign(fs, { rename, open });
  syncBuiltinESMExports();
  return () => {
    Object.assign(fs, original);
    syncBuiltinESMExports();
  };
}

/** The error that the system would give. */
export const systemError = (code: "ENOSPC" | "EIO" | "EDQUOT", path: string): Error =>
  Object.assign(new Error(`${code}: injected, '${path}'`), { code, errno: -1, path });
