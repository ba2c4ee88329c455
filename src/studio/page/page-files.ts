import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { packageFolder } from "../../files/package/package-folder.ts";

/** A file of the page as served. */
export interface PageFile {
  readonly bytes: Uint8Array;
  readonly type: string;
  /** Whether its name changes with its contents. */
  readonly isForGood: boolean;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};

/** Where the build puts the page. */
export const PAGE_FOLDER: string = join(packageFolder ?? "", "dist", "page");

/** URLs of the page itself, each of which shows a different part. */
const SHELL = /^\/(runs\/[\w-]{1,64}|compare|draw|new|data|system)?$/;

/** The built page, read once, so that no requested path is ever looked up on disk. */
export class PageFiles {
  readonly #files: ReadonlyMap<string, PageFile>;

  /** @param folder of the built page, which need not exist */
  constructor(folder: string) {
    this.#files = new Map(filesIn(folder, "/"));
  }

  /** Whether the page was built. */
  get isThere(): boolean {
    return this.#files.has("/index.html");
  }

  /** The file at a URL of the page; undefined for all other URLs. */
  at(path: string): PageFile | undefined {
    return this.#files.get(SHELL.test(path) ? "/index.html" : path);
  }
}

function* filesIn(folder: string, address: string): Generator<[string, PageFile]> {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(path, `${address}${entry.name}/`);
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const isForGood = address === "/assets/";
    yield [`${address}${entry.name}`, { bytes: readFileSync(path), type, isForGood }];
  }
}
