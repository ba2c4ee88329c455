import { statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import type { ResolvedConfig } from "../../config/index.ts";
import type { DatasetEntry, DatasetOptions } from "../../data/dataset.ts";
import type { EventTail } from "../../training/run-folder/event-tail.ts";
import { lastPictureLosses } from "../../training/run-folder/picture-losses-file.ts";
import { readmeCommand } from "../../training/run-folder/run-readme.ts";
import type { WorstPicture } from "../api-types.ts";
import { pictureKey, trainingPictureAddress } from "../runs/addresses.ts";
import type { LiveRun } from "../runs/live-run.ts";
import { readRun } from "../runs/read-run.ts";
import { reasonOf } from "../runs/run-line.ts";
import type { DataRoots } from "./data-roots.ts";
import { picturesByKey } from "./pictures-by-key.ts";

/** Number of data sets whose lists are kept. */
const MOST_KEPT = 4;

/** Response of `GET /api/runs/{id}/worst`. */
export interface WorstPictures {
  readonly pictures: readonly WorstPicture[];
  /** Why there are none or why they can't be shown. */
  readonly reason: string | null;
}

/** Pictures by their key. */
type Entries = ReadonlyMap<string, DatasetEntry>;

/**
 * The pictures that runs train on, if their data sets still exist and this server may read them: links out of the data roots are
 * not followed.
 */
export class TrainingPictures {
  readonly #roots: DataRoots;
  readonly #sets = new Map<string, Promise<Entries>>();

  constructor(roots: DataRoots) {
    this.#roots = roots;
  }

  /** The worst-learnt pictures of a stage, by default the last stage that has any. Throws an ApiError if the run can't be read. */
  async worst(run: LiveRun, stage: string | undefined, count: number): Promise<WorstPictures> {
    const { place } = run;
    const { config } = await readRun(run);
    const stages = config.stages.map(({ name }) => name);
    const asked = stages.filter((name) => stage === undefined || name === stage);
    const losses = await lastPictureLosses(place.path, asked).catch(reasonOf);
    if (typeof losses === "string")
      return { pictures: [], reason: `The losses of its pictures can't be read: ${losses}` };
    if (losses === undefined)
      return {
        pictures: [],
        reason:
          "Losses of pictures are written with each checkpoint, and there is no checkpoint yet",
      };
    const worst = losses.pictures.toSorted((a, b) => b.score - a.score).slice(0, count);
    const entries = await this.#entriesOf(run);
    const known = typeof entries === "string" ? undefined : entries;
    return {
      reason: typeof entries === "string" ? entries : null,
      pictures: worst.map(({ picture, loss, score, seen }) => {
        const entry = known?.get(pictureKey(picture));
        const url = entry === undefined ? null : trainingPictureAddress(place.id, picture);
        return { name: picture, caption: entry?.text ?? "", loss, score, seen, url };
      }),
    };
  }

  /** The bytes of a picture by its key; undefined if unavailable. Throws an ApiError if the run can't be read. */
  async read(run: LiveRun, key: string): Promise<Uint8Array | undefined> {
    const entries = await this.#entriesOf(run);
    if (typeof entries === "string") return undefined;
    return entries
      .get(key)
      ?.read()
      .catch(() => undefined);
  }

  /** A run's pictures, or why they can't be shown. */
  async #entriesOf(run: LiveRun): Promise<Entries | string> {
    const { config, tail } = await readRun(run);
    const { dataset } = config;
    const folder = await this.#folderOf(run, tail, dataset.folder);
    if (folder === undefined)
      return "The data set is no longer there, or is outside the folders that this server may read (--data-root)";
    const options = {
      ...optionsOf(dataset),
      within: await this.#roots.all(),
      acceptUncaptioned: true, // a caption may be a link that is not followed
    };
    // A process that starts lists its data set again.
    const begun = tail.events.findLast(({ type }) => type === "run-start" || type === "resume");
    const key = JSON.stringify([folder, stampOf(folder), begun?.time, options]);
    const known = this.#sets.get(key) ?? picturesByKey(folder, options);
    this.#sets.delete(key);
    this.#sets.set(key, known);
    for (const old of [...this.#sets.keys()].slice(0, -MOST_KEPT)) this.#sets.delete(old);
    try {
      return await known;
    } catch {
      this.#sets.delete(key);
      return "The data set can't be read any more";
    }
  }

  /** Folder or file of its data set. Relative ones are relative to where the run was started. */
  async #folderOf(
    { place }: LiveRun,
    tail: EventTail,
    folder: string,
  ): Promise<string | undefined> {
    const begun = tail.eventsOf("run-start")[0]?.facts?.cwd ?? readmeCommand(place.path)?.folder;
    const path = isAbsolute(folder) ? folder : resolve(begun ?? process.cwd(), folder);
    return this.#roots.realInside(path);
  }
}

/** What the list of a data set depends on besides its files. */
const optionsOf = ({
  layout,
  imageColumn,
  textColumn,
  instancePrompt,
}: ResolvedConfig["dataset"]): DatasetOptions => ({
  layout: layout ?? undefined,
  imageColumn: imageColumn ?? undefined,
  textColumn: textColumn ?? undefined,
  instancePrompt: instancePrompt ?? undefined,
});

/** Changes when something is added to a folder or removed from it, and with a file's content. */
function stampOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return `${found?.ino} ${found?.size} ${found?.mtimeMs}`;
}
