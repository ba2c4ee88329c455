import { downloadFile, type FetchPlace, isStored } from "./download-file.ts";
import { noProgress, partOf } from "./progress/progress.ts";
import type { RemoteFile } from "./remote-file.ts";

/** Parallel downloads: a data set may have thousands of small files. */
const AT_ONCE = 8;

/** Chooses files from the paths of all files in a commit. */
export type Choose = (paths: readonly string[]) => readonly string[];

/** The chosen files of a list. */
export const chosenFrom = (
  listing: ReadonlyMap<string, RemoteFile>,
  choose: Choose,
): readonly RemoteFile[] => choose([...listing.keys()]).flatMap((path) => listing.get(path) ?? []);

/** Downloads the chosen files of a commit into the cache, and the list of all its files. */
export async function fetchChosen(place: FetchPlace, choose: Choose): Promise<void> {
  const { cached, client, commit } = place;
  let listing = cached.listing(commit);
  if (listing === undefined) {
    listing = await client.files(commit);
    await cached.setListing(commit, listing);
  }
  const chosen = chosenFrom(listing, choose);
  // Files with the same content are downloaded once.
  const contents = new Map(chosen.map((file) => [file.etag, file]));
  await download([...contents.values()], place);
  for (const file of chosen) await downloadFile(file, place, silent);
}

const silent = { onStart: () => noProgress, onWait: () => {} };

async function download(files: readonly RemoteFile[], place: FetchPlace): Promise<void> {
  const lacking = files.filter((file) => !isStored(file, place));
  const [first] = lacking;
  if (first === undefined) return;
  const { repository, revision, showsProgress } = place;
  const label = `${repository.name} at ${revision}, ${lacking.length === 1 ? first.path : `${lacking.length} files`}`;
  const bytes = lacking.reduce((sum, { size }) => sum + size, 0);
  const { showProgress } = await import("./progress/progress-bar.ts");
  const whole = showsProgress ? showProgress(label, bytes) : noProgress;
  const part = partOf(whole);
  let waits = false;
  const onWait = (): void => {
    if (showsProgress && !waits)
      process.stderr.write(`${label}: another process is downloading them\n`);
    waits = true;
  };
  // A worker that fails closes the generator, so that the others stop after their current file.
  const queue = (function* () {
    yield* lacking;
  })();
  const worker = async (): Promise<void> => {
    for (const file of queue) await downloadFile(file, place, { onStart: part, onWait });
  };
  const endings = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
  const failed = endings.find((ending) => ending.status === "rejected");
  if (failed !== undefined) {
    whole.stop();
    throw failed.reason;
  }
  whole.finish();
}
