import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import type { FileSystemCall } from "./file-system-calls.ts";

interface File {
  data: Buffer;
  /** What fsync put on the disk. */
  durable: Buffer;
}
interface Folder {
  readonly entries: Map<string, File | Folder>;
  /** What fsync put on the disk. */
  durable: Map<string, File | Folder>;
  /** Changes since, each of them on the disk or not. */
  pending: Change[];
}
type Change = (entries: Map<string, File | Folder>) => void;

const isFolder = (node: File | Folder): node is Folder => "entries" in node;

/** Path to bytes, or to undefined for a folder; parents come before what they hold. */
export type DiskImage = ReadonlyMap<string, Buffer | undefined>;

/**
 * What may be on a disk after a power cut, by POSIX's promises alone: file data is safe after fsync of the file, names are
 * safe after fsync of their folder, a rename happens or does not, and everything else may be lost or kept in any mixture.
 */
export class DiskModel {
  readonly #top: string;
  readonly #root: Folder;

  /** Starts from what lies under `top`, all of it safe. */
  constructor(top: string) {
    this.#top = top;
    this.#root = load(top);
  }

  apply(call: FileSystemCall): void {
    const name = basename(call.path);
    const change = (edit: Change): void => {
      const folder = this.#folder(dirname(call.path));
      edit(folder.entries);
      folder.pending.push(edit);
    };
    switch (call.kind) {
      case "create": {
        const file: File = { data: Buffer.alloc(0), durable: Buffer.alloc(0) };
        change((entries) => entries.set(name, file));
        return;
      }
      case "mkdir": {
        if (this.#node(call.path) !== undefined) return;
        const made: Folder = { entries: new Map(), durable: new Map(), pending: [] };
        change((entries) => entries.set(name, made));
        return;
      }
      case "unlink":
      case "rmdir":
        change((entries) => entries.delete(name));
        return;
      case "rename": {
        const node = this.#node(call.path);
        if (node === undefined || dirname(call.to) !== dirname(call.path)) throw new Error(call.to);
        change((entries) => {
          entries.delete(name);
          entries.set(basename(call.to), node);
        });
        return;
      }
      case "write": {
        const node = this.#node(call.path);
        if (node === undefined || isFolder(node)) throw new Error(call.path);
        node.data = Buffer.concat([node.data, call.bytes]);
        return;
      }
      case "sync": {
        const node = this.#node(call.path);
        if (node === undefined) throw new Error(call.path);
        if (isFolder(node)) {
          node.durable = new Map(node.entries);
          node.pending = [];
        } else node.durable = node.data;
      }
    }
  }

  /** One possible remainder; `survives` decides for each unsafe name change and each unsafe file's data. */
  crash(survives: (what: "name" | "data") => boolean): DiskImage {
    const image = new Map<string, Buffer | undefined>();
    const visit = (node: File | Folder, path: string): void => {
      if (!isFolder(node)) {
        image.set(path, node.data === node.durable || survives("data") ? node.data : node.durable);
        return;
      }
      image.set(path, undefined);
      const entries = new Map(node.durable);
      for (const change of node.pending) if (survives("name")) change(entries);
      for (const [name, child] of entries) visit(child, join(path, name));
    };
    visit(this.#root, ".");
    return image;
  }

  #node(path: string): File | Folder | undefined {
    let node: File | Folder | undefined = this.#root;
    for (const name of relative(this.#top, path).split(sep).filter(Boolean)) {
      node = node !== undefined && isFolder(node) ? node.entries.get(name) : undefined;
    }
    return node;
  }

  #folder(path: string): Folder {
    const node = this.#node(path);
    if (node === undefined || !isFolder(node)) throw new Error(path);
    return node;
  }
}

/** Writes an image as real files. */
export function writeImage(image: DiskImage, target: string): void {
  for (const [path, data] of image) {
    if (data === undefined) mkdirSync(join(target, path));
    else writeFileSync(join(target, path), data);
  }
}

function load(path: string): Folder {
  const entries = new Map<string, File | Folder>();
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const child = join(path, entry.name);
    if (entry.isDirectory()) entries.set(entry.name, load(child));
    else {
      const data = readFileSync(child);
      entries.set(entry.name, { data, durable: data });
    }
  }
  return { entries, durable: new Map(entries), pending: [] };
}
