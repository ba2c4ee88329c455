import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expected } from "../../errors/index.ts";
import { makeBelow } from "../../files/make-below.ts";
import { makeFolder, makeTemporaryFolder } from "../../files/make-folder.ts";
import { inPieces, writeNewFile } from "../../files/new-file.ts";
import { BadFileError } from "../../files/reading/errors.ts";
import { discardTree, removeTree } from "../../files/remove.ts";
import { renamePath } from "../../files/rename.ts";
import { replaceFile } from "../../files/replace-file.ts";
import { syncFolder } from "../../files/sync-folder.ts";
import { temporaryName } from "../../files/temporary-name.ts";
import { DiskFullError } from "../../files/write-error.ts";
import { type LazyTensor, safetensorsPieces } from "../../weights/lazy-tensors.ts";
import {
  byteSize,
  formatHeader,
  type TensorSpec,
} from "../../weights/safetensors/safetensors-header.ts";
import {
  type CheckpointFile,
  type CheckpointManifest,
  FILE_STEM,
  formatManifest,
  type JsonValue,
  MANIFEST_NAME,
} from "../contract/checkpoint-manifest.ts";
import type { RunMark } from "../contract/run-mark.ts";
import {
  BEST_POINTER_NAME,
  hasAllFiles,
  listCheckpoints,
  POINTER_NAME,
  stepName,
  verifyCheckpoint,
  type Warn,
  warnOnStderr,
} from "./checkpoint-folder.ts";
import { describeWriteFailure, requireDiskSpace } from "./disk-space.ts";

/** Contents of a checkpoint, and how to keep it. */
export interface SaveOptions<T> {
  readonly step: number;
  readonly stage: string;
  /** Everything except tensors that a resumed run needs. */
  readonly state: JsonValue;
  /** Tensors by name, for each file stem (`model`, `ema`, `optimizer`, …). */
  readonly groups: ReadonlyMap<string, ReadonlyMap<string, T>>;
  /** How many checkpoints to keep, including this one. */
  readonly keep: number;
  /**
   * Step of the best checkpoint so far, this one or an earlier one: a file names it, and it is kept in addition to the `keep`
   * newest.
   */
  readonly best?: number | undefined;
  /** If the disk is full: fail, delete older checkpoints one by one (never the newest), or retry at this interval. */
  readonly whenFull?: "stop" | "prune" | { readonly waitMs: number };
  /** Aborting it ends the wait for space on a full disk. */
  readonly signal?: AbortSignal;
  readonly warn?: Warn;
  /** The run that the checkpoint belongs to. */
  readonly run?: RunMark | undefined;
  /** An existing folder: missing folders between it and the checkpoints are created, but never this folder itself. */
  readonly within?: string;
  /** Throws if writing is no longer allowed; called before each change that readers can see and before each deletion. */
  readonly mayWrite?: () => void;
}

/**
 * Writes a checkpoint such that, whenever the process or the machine stops, the newest valid one is this one or the previous one.
 * It is staged in a hidden folder, files and folder are fsynced, the manifest is written last, then follows a single rename and
 * an fsync of the parent. Only then is the pointer moved, and older checkpoints except the best are deleted. Returns the path.
 * Throws DiskFullError or another FileWriteError, leaving nothing half-written.
 * A tensor's bytes are read when they are written, and again if the disk was full: they must not change until the promise
 * settles.
 */
export async function saveCheckpointBytes(
  root: string,
  options: SaveOptions<LazyTensor>,
): Promise<string> {
  const { step, keep, best, whenFull = "stop", signal, warn = warnOnStderr } = options;
  const { run, within, mayWrite = () => {} } = options;
  requireInteger("step", step, 0);
  requireInteger("keep", keep, 1);
  const files = [...options.groups].map(([stem, tensors]) => ({
    name: fileName(stem),
    chunks: () => safetensorsPieces(tensors),
  }));
  const name = stepName(step);
  const path = join(root, name);
  const neededBytes = forecastBytes(options.groups, options.state, run);
  // The caller may change its state while the disk is busy.
  const content = { step, stage: options.stage, state: structuredClone(options.state), run };

  for (let warned = false; ; ) {
    try {
      mayWrite();
      await requireDiskSpace(path, neededBytes);
      await makeRoot(root, within);
      await stageAndRename(root, name, { files, content, mayWrite });
      break;
    } catch (error) {
      const failure = await describeWriteFailure(error, path, neededBytes);
      if (!(failure instanceof DiskFullError) || whenFull === "stop") throw failure;
      if (whenFull === "prune") {
        if (!(await discardOldest(root, options))) throw failure;
      } else {
        if (!warned) warn(`${failure.message}; trying again every ${whenFull.waitMs / 1000} s`);
        warned = true;
        await sleep(whenFull.waitMs, undefined, signal === undefined ? {} : { signal }).catch(
          () => {
            throw failure; // the wait was aborted
          },
        );
      }
    }
  }
  mayWrite();
  await point(root, POINTER_NAME, name);
  if (best !== undefined) {
    mayWrite();
    await point(root, BEST_POINTER_NAME, stepName(best));
  }
  await prune(root, path, options);
  return path;
}

async function point(root: string, pointer: string, name: string): Promise<void> {
  try {
    await replaceFile(join(root, pointer), [Buffer.from(`${name}\n`)]);
  } catch (error) {
    throw await describeWriteFailure(error, join(root, pointer), name.length + 1);
  }
}

/**
 * Size in bytes of a checkpoint with these tensors and this state, computed from shapes and element types alone. Throws
 * InvalidValueError or InvalidTypeError for anything that cannot be saved.
 */
export function forecastBytes(
  groups: ReadonlyMap<string, ReadonlyMap<string, TensorSpec>>,
  state: JsonValue,
  run?: RunMark,
): number {
  const files = [...groups].map(([stem, tensors]): CheckpointFile => {
    const sizes = [...tensors.values()].map((tensor) => byteSize(tensor) ?? 0);
    const bytes = sizes.reduce((sum, size) => sum + size, formatHeader(tensors).length);
    return { name: fileName(stem), bytes, sha256: "0".repeat(64) };
  });
  const manifest = formatManifest(manifestOf({ step: 0, stage: "", state, run }, files));
  return files.reduce((sum, { bytes }) => sum + bytes, Buffer.byteLength(manifest));
}

function fileName(stem: string): string {
  if (!FILE_STEM.test(stem)) {
    throw expected("lower-case letters, digits, . _ -", "a group", stem);
  }
  return `${stem}.safetensors`;
}

function requireInteger(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw expected(`an integer of at least ${least}`, name, value);
  }
}

type ManifestContent = Pick<CheckpointManifest, "step" | "stage" | "state" | "run">;

const manifestOf = (
  { step, stage, state, run }: ManifestContent,
  files: readonly CheckpointFile[],
): CheckpointManifest => ({
  format: "pixart-checkpoint",
  version: 1,
  step,
  stage,
  createdAt: new Date().toISOString(),
  files,
  state,
  ...(run !== undefined && { run }),
});

async function makeRoot(root: string, within: string | undefined): Promise<void> {
  if (within === undefined) {
    const made = await makeFolder(root);
    if (made !== undefined) await syncBelow(dirname(made), root);
  } else if (!existsSync(root)) {
    makeBelow(within, ...namesBelow(within, root));
    await syncBelow(within, root);
  }
}

/** Splits into names instead of comparing paths: `./run/` is `run` too. */
const namesBelow = (base: string, path: string): string[] => relative(base, path).split(sep);

/** Fsyncs the folders that lead from one folder down to another. */
async function syncBelow(base: string, path: string): Promise<void> {
  let folder = base;
  for (const name of namesBelow(base, path)) {
    await syncFolder(folder);
    folder = join(folder, name);
  }
}

interface StagedFile {
  readonly name: string;
  readonly chunks: () => Iterable<Uint8Array>;
}

interface StagedCheckpoint {
  readonly files: readonly StagedFile[];
  readonly content: ManifestContent;
  readonly mayWrite: () => void;
}

async function stageAndRename(
  root: string,
  name: string,
  { files, content, mayWrite }: StagedCheckpoint,
): Promise<void> {
  const path = join(root, name);
  const listed = await listCheckpoints(root);
  const replaced = listed.some((other) => other.path === path)
    ? join(root, temporaryName(name, "old"))
    : undefined;
  const staging = await makeTemporaryFolder(root, name);
  try {
    const written: CheckpointFile[] = [];
    for (const file of files) written.push(await writeHashed(staging, file));
    const manifest = formatManifest(manifestOf(content, written));
    await writeNewFile(join(staging, MANIFEST_NAME), [Buffer.from(manifest)]);
    await syncFolder(staging);
    mayWrite();
    // A folder cannot be renamed onto another, so the old one is moved aside; cleanLeftovers() would restore it.
    if (replaced !== undefined) await renamePath(path, replaced);
    await renamePath(staging, path);
  } catch (error) {
    // The original error matters more than a failed cleanup; cleanLeftovers() finds the remains.
    if (replaced !== undefined) await renamePath(replaced, path).catch(() => {});
    await removeTree(staging).catch(() => {});
    throw error;
  }
  await syncFolder(root);
  if (replaced !== undefined) await removeTree(replaced).catch(() => {});
}

async function writeHashed(folder: string, { name, chunks }: StagedFile): Promise<CheckpointFile> {
  const hash = createHash("sha256");
  let bytes = 0;
  function* hashed(): Generator<Uint8Array> {
    for (const piece of inPieces(chunks())) {
      hash.update(piece);
      bytes += piece.length;
      yield piece;
    }
  }
  await writeNewFile(join(folder, name), hashed());
  return { name, bytes, sha256: hash.digest("hex") };
}

/** Whole checkpoints, oldest first; damaged ones are kept as evidence. */
async function wholeCheckpoints(root: string): Promise<string[]> {
  const whole: string[] = [];
  for (const { path } of await listCheckpoints(root)) if (await hasAllFiles(path)) whole.push(path);
  return whole;
}

/** Whether a checkpoint must be kept regardless of its age. */
const isBest = (path: string, best: number | undefined): boolean =>
  best !== undefined && basename(path) === stepName(best);

async function prune(
  root: string,
  saved: string,
  { keep, best, warn = warnOnStderr, mayWrite = () => {} }: PruneOptions,
): Promise<void> {
  // The new checkpoint is already safe; remains are deleted at the next save or start.
  const warns = (error: Error): void =>
    warn(`Could not delete an older checkpoint: ${error.message}`);
  const others = await wholeCheckpoints(root).catch((error: Error): string[] => {
    warns(error);
    return [];
  });
  const deletable = others.filter((path) => path !== saved && !isBest(path, best));
  for (const path of deletable.slice(0, Math.max(0, deletable.length - (keep - 1)))) {
    mayWrite();
    await discardTree(path).catch(warns);
  }
}

type PruneOptions = Pick<SaveOptions<unknown>, "keep" | "best" | "warn" | "mayWrite">;

/**
 * Deletes the oldest whole checkpoint that is neither the best nor the newest with the right bytes, from which a run would resume;
 * returns whether there was one.
 */
async function discardOldest(
  root: string,
  { best, warn = warnOnStderr, mayWrite = () => {} }: PruneOptions,
): Promise<boolean> {
  const whole = await wholeCheckpoints(root);
  const oldest = whole.find((path) => !isBest(path, best));
  if (oldest === undefined) return false;
  const newer = whole.slice(whole.indexOf(oldest) + 1);
  if (!(await hasVerified(newer, warn))) return false;
  mayWrite();
  warn(`Deleting ${oldest} to make room`);
  await discardTree(oldest);
  return true;
}

/** Whether the bytes of one of these checkpoints are those of its manifest; newer ones are read first. */
async function hasVerified(paths: readonly string[], warn: Warn): Promise<boolean> {
  for (const path of paths.toReversed()) {
    try {
      await verifyCheckpoint(path);
      return true;
    } catch (error) {
      if (!(error instanceof BadFileError)) throw error;
      warn(`Nothing is deleted in favour of a damaged checkpoint: ${error.message}`);
    }
  }
  return false;
}
