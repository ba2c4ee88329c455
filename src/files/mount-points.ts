import { readFile, realpath, stat } from "node:fs/promises";
import { dirname, sep } from "node:path";

/** Mount points at or below a folder, of other file systems or of other folders of this one; empty without /proc. */
export async function mountPointsIn(folder: string): Promise<string[]> {
  const mounts = await readFile("/proc/self/mountinfo", "latin1").catch(() => "");
  const place = await realpath(folder);
  // The fifth field of proc(5)'s mountinfo, as bytes: blanks and the like are three octal digits, other letters are as they are.
  return mounts
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .map((path) =>
      Buffer.from(
        path.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))),
        "latin1",
      ).toString(),
    )
    .filter((path) => path === place || path.startsWith(place + sep));
}

/** Whether something is mounted at a folder; false if the folder does not exist. */
export async function isMountPoint(folder: string): Promise<boolean> {
  const place = await realpath(folder).catch(() => undefined);
  if (place === undefined) return false;
  const [own, above] = await Promise.all([stat(place), stat(dirname(place))]);
  return own.dev !== above.dev || (await mountPointsIn(place)).includes(place);
}
