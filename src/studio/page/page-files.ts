import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { packageFolder } from "../../files/package/package-folder.ts";

/** A file of the page as it is sent. */
export interface PageFile {
  readonly bytes: Uint8Array;
  readonly type: string;
  /** Whether its name changes with what is in it. */
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

/** The addresses at which the page itself is: it shows one part or another by them. */
const SHELL = /^\/(runs\/[\w-]{1,64}|compare|draw|new|data|system)?$/;

/** The page as it was built: read once, so that no path that anybody asks for is looked up on the disk. */
export class PageFiles {
  readonly #files: ReadonlyMap<string, PageFile>;

  /** @param folder of the built page, which need not be there */
  constructor(folder: string) {
    this.#files = new Map(filesIn(folder, "/"));
  }

  /** Whether the page was built. */
  get isThere(): boolean {
    return this.#files.has("/index.html");
  }

  /** What is at an address of the page; undefined for all others. */
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
