import { join, posix } from "node:path";
import { InvalidValueError } from "../../errors/index.ts";
import { makeFolder } from "../../files/make-folder.ts";
import { resolveModel, type WantedFile } from "../../hub/index.ts";
import { type ConfigObject, readConfig, writeConfig } from "../../weights/index.ts";

const FILE = "scheduler_config.json";

export interface SchedulerFolderOptions {
  /** The subfolder; a pipeline's is "scheduler". */
  readonly subfolder?: string;
  /** Branch, tag or commit of a scheduler on the Hub. Default: `main`. */
  readonly revision?: string | undefined;
}

/** The files of a scheduler in a repository. */
export const schedulerFiles = (subfolder = ""): readonly WantedFile[] => [
  { names: [posix.join(subfolder, FILE)] },
];

/** Builds the scheduler described by `scheduler_config.json` in a folder or under a name on the Hub. Errors name the file. */
export async function readSchedulerFile<Built>(
  folderOrName: string,
  { subfolder = "", revision }: SchedulerFolderOptions,
  build: (json: ConfigObject) => Built,
): Promise<Built> {
  const wanted = { revision, files: schedulerFiles(subfolder) };
  const folder = await resolveModel(folderOrName, wanted);
  const path = join(folder, subfolder, FILE);
  const json = readConfig(path);
  try {
    return build(json);
  } catch (cause) {
    throw new InvalidValueError(`${path}: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}

/** Writes `scheduler_config.json` into `folder`, which is created if missing. */
export async function writeSchedulerFile(folder: string, config: ConfigObject): Promise<void> {
  await makeFolder(folder);
  await writeConfig(join(folder, FILE), config);
}
