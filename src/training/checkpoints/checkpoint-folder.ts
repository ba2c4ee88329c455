import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { type Leftover, leftoversIn } from "../../files/leftovers.ts";
import { namesIn } from "../../files/names-in.ts";
import { BadFileError } from "../../files/reading/errors.ts";
import { removeTree } from "../../files/remove.ts";
import { renamePath } from "../../files/rename.ts";
import { syncFolder } from "../../files/sync-folder.ts";
import {
  type CheckpointManifest,
  MANIFEST_NAME,
  parseManifest,
} from "../contract/checkpoint-manifest.ts";

/** Folder of a stage's checkpoints in a run. */
export const stageCheckpoints = (checkpoints: string, stage: string): string =>
  join(checkpoints, stage);

/** A finished checkpoint folder, identified by its name alone. */
export interface ListedCheckpoint {
  readonly path: string;
  readonly step: number;
}

/** A checkpoint whose manifest and file lengths match; {@link verifyCheckpoint} compares its hashes too. */
export interface CheckpointFolder extends CheckpointManifest {
  readonly path: string;
}

/** Receives warnings: things the user should know but that stop nothing. */
export type Warn = (message: string) => void;

export const warnOnStderr: Warn = (message) => void process.stderr.write(`${message}\n`);

/** `step-00000123`. */
export const stepName = (step: number): string => `step-${`${step}`.padStart(8, "0")}`;

const STEP_NAME = /^step-(\d{8,})$/;

/** Name of the file that names the newest checkpoint, for people and other programs; resuming looks at the folders themselves. */
export const POINTER_NAME = "latest";
/** Name of the same file for the checkpoint with the lowest held-out loss. */
export const BEST_POINTER_NAME = "best";

/** The checkpoints under `root`, in step order, including damaged ones. */
export async function listCheckpoints(root: string): Promise<ListedCheckpoint[]> {
  return (await namesIn(root))
    .flatMap((name) => {
      const step = STEP_NAME.exec(name)?.[1];
      return step === undefined ? [] : [{ path: join(root, name), step: Number(step) }];
    })
    .sort((a, b) => a.step - b.step);
}

/** Reads the manifest and compares file lengths: detects incomplete copies but not flipped bits. Throws BadFileError. */
export async function readCheckpoint(path: string): Promise<CheckpointFolder> {
  const manifestPath = join(path, MANIFEST_NAME);
  const text = await readFile(manifestPath, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new BadFileError(manifestPath, "file", "a readable manifest", error.code ?? "nothing");
  });
  const manifest = parseManifest(manifestPath, text);
  if (stepName(manifest.step) !== basename(path)) {
    throw new BadFileError(
      manifestPath,
      "step",
      `the step of ${basename(path)}`,
      `${manifest.step}`,
    );
  }
  for (const { name, bytes } of manifest.files) {
    const file = join(path, name);
    const found = await stat(file).catch(() => undefined);
    if (found?.size !== bytes) {
      const size = found === undefined ? "no such file" : `${found.size}`;
      throw new BadFileError(file, "length", `${bytes} bytes, as the manifest says`, size);
    }
  }
  return { ...manifest, path };
}

/** Whether a checkpoint has all files at their lengths. Only {@link verifyCheckpoint} looks at their bytes. */
export const hasAllFiles = (path: string): Promise<boolean> =>
  readCheckpoint(path).then(
    () => true,
    () => false,
  );

/**
 * Reads a checkpoint and checks every byte against the manifest's hashes. Throws BadFileError, naming the file, for any defect.
 */
export async function verifyCheckpoint(path: string): Promise<CheckpointFolder> {
  const checkpoint = await readCheckpoint(path);
  for (const { name, sha256 } of checkpoint.files) {
    const hash = createHash("sha256");
    for await (const piece of createReadStream(join(path, name), { highWaterMark: 2 ** 22 })) {
      hash.update(piece);
    }
    const found = hash.digest("hex");
    if (found !== sha256) {
      throw new BadFileError(join(path, name), "sha256", `${sha256}, as the manifest says`, found);
    }
  }
  return checkpoint;
}

/**
 * The newest checkpoint that verifies; damaged newer ones are skipped with a warning. Undefined if there are no checkpoints.
 * Throws if there are some but all are damaged, so that a run never starts over by accident.
 */
export async function newestCheckpoint(
  root: string,
  warn: Warn = warnOnStderr,
): Promise<CheckpointFolder | undefined> {
  const listed = await listCheckpoints(root);
  for (const { path } of listed.toReversed()) {
    try {
      return await verifyCheckpoint(path);
    } catch (error) {
      if (!(error instanceof BadFileError)) throw error;
      warn(`Skipped a damaged checkpoint: ${error.message}`);
    }
  }
  if (listed.length === 0) return undefined;
  const advice = "restore one from a copy, or move the folder away to start over";
  throw new BadFileError(
    root,
    "checkpoints",
    "one that is intact",
    `${listed.length} damaged`,
    advice,
  );
}

/**
 * Removes what an interrupted save left behind and restores a checkpoint that was being replaced. Call it at startup, while
 * nothing else writes to `root`, that is, while holding the run's lock. Returns the names that it removed or restored. Files
 * without the hidden name of a checkpoint or pointer are kept, and so are the targets of links.
 */
export async function cleanLeftovers(root: string): Promise<string[]> {
  const names = await namesIn(root);
  const handled: string[] = [];
  for (const { hidden, kind, name } of (await leftoversIn(root)).filter(isOurs)) {
    const path = join(root, hidden);
    if (kind === "old" && !names.includes(name)) await renamePath(path, join(root, name));
    else await removeTree(path);
    handled.push(hidden);
  }
  if (handled.length > 0) await syncFolder(root);
  return handled;
}

const isOurs = ({ kind, name }: Leftover): boolean =>
  STEP_NAME.test(name) || (kind === "tmp" && (name === POINTER_NAME || name === BEST_POINTER_NAME));
