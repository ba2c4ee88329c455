import { spawn } from "node:child_process";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { makeTemporaryFolder } from "../../files/make-folder.ts";
import { writeNewFile } from "../../files/new-file.ts";
import { removeTree } from "../../files/remove.ts";
import { say } from "./talk.ts";

/** How long a browser may take to start and read the file. */
const KEPT_MS = 60_000;

const OPENERS: Partial<Readonly<Record<NodeJS.Platform, readonly [string, ...string[]]>>> = {
  darwin: ["open"],
  win32: ["cmd", "/c", "start", ""],
};

/**
 * Opens an address that contains a key in the system's browser. Other users see the arguments of processes, so the browser is
 * given a file that only this user can read, which leads there. It is removed after a minute, or when disposed. If that fails, says
 * so, since the address is printed.
 * @param address with all characters escaped that HTML gives a meaning
 */
export async function openPage(address: string): Promise<AsyncDisposable> {
  let folder: string | undefined;
  const remove = async (): Promise<void> => {
    const old = folder;
    folder = undefined;
    if (old !== undefined) await removeTree(old).catch(() => {});
  };
  const timer = setTimeout(() => void remove(), KEPT_MS);
  timer.unref();
  try {
    // Browsers that are snaps see no /tmp and nothing hidden.
    folder = await makeTemporaryFolder(homedir(), "pixart-open").catch(() =>
      makeTemporaryFolder(tmpdir(), "pixart-open"),
    );
    const file = join(folder, "open.html");
    await writeNewFile(file, [Buffer.from(pageTo(address))], { isPrivate: true });
    const [program, ...args] = OPENERS[process.platform] ?? ["xdg-open"];
    // Without a browser, nothing happens.
    spawn(program, [...args, pathToFileURL(file).href], { stdio: "ignore", detached: true })
      .on("error", () => {})
      .unref();
  } catch (error) {
    say(`The browser was not opened: ${error instanceof Error ? error.message : String(error)}`);
  }
  return {
    [Symbol.asyncDispose]: async () => {
      clearTimeout(timer);
      await remove();
    },
  };
}

const pageTo = (address: string): string => `<!doctype html>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url=${address}">
<title>pixart</title>
<a href="${address}">pixart studio</a>
`;
