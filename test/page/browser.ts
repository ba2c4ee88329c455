import { accessSync, constants } from "node:fs";
import path from "node:path";
import { type Browser, chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The program of a browser that is installed. Throws an error that says what to install. */
function browserProgram(): string {
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  const places = NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  const found = places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found !== undefined) return found;
  throw new Error(
    `The page's tests need Chromium, and none of ${NAMES.join(", ")} is on the PATH: apt-get install chromium`,
  );
}

/** A browser without a window. */
export const openBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: browserProgram(),
    // Chromium refuses its sandbox to root, as whom containers run.
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });
