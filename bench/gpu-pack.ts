/**
 * Packs what bench/gpu.sh needs and a bare machine with a GPU lacks: npx tsx bench/gpu-pack.ts [FILE]. Node, the npm packages of the run, the
 * built dist/, and diffusers where .pixart/python has it, as build/gpu-pack.tar.xz unless said otherwise. A checkout beside which it is
 * carried needs no network. Linux only; run npm run setup before.
 */
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { here } from "./processes.ts";

const ROOT = here("..");
const out = resolve(process.argv[2] ?? join(ROOT, "build/gpu-pack.tar.xz"));
/** What a lease carries at most, with the files of the checkout. */
const LIMIT = 64 * 2 ** 20;

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;

/** Only curation counts nouns, and nothing on a GPU makes style sheets. */
const WITHOUT = /^(wink-|lightningcss)/;
/** Of the tools, what tests run with, and the drawings that the small model learns from. */
const TOOLS = /^(vitest|emojibase-data|@iconify-json\/.*)$/;

/** The installed packages that the run can ask for, by walking their manifests. */
function packagesOfRun(): ReadonlySet<string> {
  const { dependencies = {}, devDependencies = {} } = manifestOf(ROOT);
  const found = new Set<string>();
  const visit = (name: string): void => {
    const folder = join(ROOT, "node_modules", name);
    if (found.has(name) || WITHOUT.test(name) || !existsSync(folder)) return;
    found.add(name);
    const { dependencies: needed = {}, optionalDependencies = {} } = manifestOf(folder);
    for (const each of Object.keys({ ...needed, ...optionalDependencies })) visit(each);
  };
  for (const name of Object.keys(dependencies)) visit(name);
  for (const name of Object.keys(devDependencies).filter((each) => TOOLS.test(each))) visit(name);
  return found;
}

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

/** Types, maps, manuals, other languages' words, and programs for other systems. */
const UNREAD =
  /\.(map|md|markdown|bare|d\.[cm]?ts)$|\/emojibase-data\/(?!en\/|meta\/|package\.json)/;
/** A licence goes with what it is of. */
const isKept = (path: string): boolean => !UNREAD.test(path) || /licen[cs]e/i.test(path);

/** Copies into the staged tree, at its place below the checkout. */
function stage(staged: string, paths: readonly string[]): void {
  for (const path of paths) {
    const place = join(staged, relative(ROOT, path));
    mkdirSync(dirname(place), { recursive: true });
    copyFileSync(path, place);
  }
}

function stageNode(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const node = join(folder, "node");
  copyFileSync(process.execPath, node);
  execFileSync("strip", [node]);
}

/** Python's packages beside those of torch that a GPU image has. Returns whether they are here. */
function stagePython(folder: string): boolean {
  const lib = join(ROOT, ".pixart/python/lib");
  const [version] = existsSync(lib) ? readdirSync(lib) : [];
  const packages = join(lib, version ?? "", "site-packages");
  if (!existsSync(join(packages, "diffusers"))) return false;
  for (const name of readdirSync(packages)) {
    if (!/^(diffusers|importlib_metadata)(-|$)/.test(name)) continue;
    const isWanted = (path: string): boolean => !path.endsWith("__pycache__");
    cpSync(join(packages, name), join(folder, name), { recursive: true, filter: isWanted });
  }
  return true;
}

/** A tar of a folder, packed as tightly as xz can: machine code by its own filter, repeats found across packages. */
function pack(folder: string, file: string): void {
  const tar =
    'tar --sort=name --owner=0 --group=0 --numeric-owner -C "$1" -cf - build dist node_modules';
  const command = `${tar} | xz -T1 --x86 --lzma2=preset=9e,dict=128MiB >"$2"`;
  const unfinished = `${file}.part`;
  execFileSync("bash", ["-o", "pipefail", "-c", command, "pack", folder, unfinished], {
    stdio: "inherit",
  });
  renameSync(unfinished, file);
}

/** Bytes of the checkout's own files, which travel too. */
function treeBytes(): number {
  const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const names = execFileSync("git", list, { cwd: ROOT, encoding: "utf8" }).split("\0");
  const sizes = names.map((name) => {
    const path = join(ROOT, name);
    return name && existsSync(path) && statSync(path).isFile() ? statSync(path).size : 0;
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

const folder = mkdtempSync(join(tmpdir(), "pixart-gpu-pack-"));
try {
  const packages = [...packagesOfRun()].map((name) => join(ROOT, "node_modules", name));
  const bundle = join(ROOT, "dist/bundle/main.js");
  if (!existsSync(bundle)) throw new Error(`Expected ${bundle}: run npm run setup`);
  stage(folder, packages.flatMap(filesBelow).filter(isKept));
  stage(folder, [
    ...filesBelow(dirname(bundle)),
    join(ROOT, "build/dist.json"),
    join(ROOT, "node_modules/.package-lock.json"),
  ]);
  stageNode(join(folder, "build/gpu"));
  const hasDiffusers = stagePython(join(folder, "build/gpu/python"));
  pack(folder, out);
  const [own, tree] = [statSync(out).size, treeBytes()];
  process.stderr.write(
    `${packages.length} packages, ${hasDiffusers ? "with" : "without"} diffusers: ${megabytes(own)}; with the checkout's own files, ${megabytes(tree)}, ${megabytes(own + tree)} of ${megabytes(LIMIT)}\n`,
  );
  process.stdout.write(`${out}\n`);
} finally {
  rmSync(folder, { recursive: true });
}
