import { join, posix } from "node:path";
import { downloadFile, type FetchPlace } from "./download-file.ts";
import { HubError } from "./errors.ts";
import { noProgress } from "./progress/progress.ts";
import type { RemoteFile } from "./remote-file.ts";
import { shardsOf, type WantedFile } from "./wanted-files.ts";

/** Downloads the wanted files of a commit into the cache; cached ones are not requested. */
export async function fetchFiles(place: FetchPlace, wanted: readonly WantedFile[]): Promise<void> {
  const listing = await place.client.files(place.commit);
  for (const file of chosenFrom(listing, wanted, place)) {
    await bring(file, place);
    const path = join(place.cached.snapshot(place.commit), file.path);
    for (const shard of shardsOf(file.path, path)) {
      const [found] = chosenFrom(listing, [{ names: [shard] }], place);
      if (found !== undefined) await bring(found, place);
    }
  }
}

/** The best name of each wanted file that the commit has. Throws one HubError that lists all missing ones. */
function chosenFrom(
  listing: ReadonlyMap<string, RemoteFile>,
  wanted: readonly WantedFile[],
  { repository, commit }: FetchPlace,
): readonly RemoteFile[] {
  const lacking: WantedFile[] = [];
  // Where a commit has none of the better files, the others are not what was asked for.
  const mayDiffer = wanted.some(
    ({ names, otherwise }) => otherwise !== undefined && names.some((name) => listing.has(name)),
  );
  const chosen = wanted.flatMap((file) => {
    const found = [...file.names, ...(mayDiffer ? (file.otherwise ?? []) : [])]
      .map((path) => listing.get(path))
      .find((entry) => entry !== undefined);
    if (found === undefined && !file.isOptional) lacking.push(file);
    return found ?? [];
  });
  if (lacking.length === 0) return chosen;
  const folders = new Set(lacking.flatMap(({ names }) => names.map(posix.dirname)));
  const beside = [...listing.keys()].filter((path) => folders.has(posix.dirname(path)));
  throw new HubError(
    `${repository.name}: expected ${lacking.map(({ names }) => names.join(" or ")).join(", ")} in commit ${commit} but found ${beside.slice(0, 20).join(", ") || "nothing in that folder"}`,
  );
}

/** The bar is loaded on first use, so that a program that bundles the package and downloads nothing does not need it. */
async function bring(file: RemoteFile, place: FetchPlace): Promise<void> {
  const { showProgress } = await import("./progress/progress-bar.ts");
  await downloadFile(file, place, {
    onStart: () => (place.showsProgress ? showProgress(file.path, file.size) : noProgress),
    onWait: () => {
      if (place.showsProgress)
        process.stderr.write(`${file.path}: another process is downloading it\n`);
    },
  });
}
