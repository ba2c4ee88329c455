import { accessSync, constants } from "node:fs";
import path from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The program of a browser that is installed; undefined where there is none. */
export function browserProgram(): string | undefined {
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  const places = NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** A browser without a window. Throws an error that says what to install. */
export async function openBrowser(): Promise<Browser> {
  const program = browserProgram();
  if (program === undefined) {
    throw new Error(
      `The page's tests need Chromium, and none of ${NAMES.join(", ")} is on the PATH: apt-get install chromium`,
    );
  }
  return chromium.launch({
    executablePath: program,
    // Chromium refuses its sandbox to root, as whom containers run.
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });
}

/** As many tabs at an address as a browser opens connections to a server, all in the background. */
export const openHiddenTabs = (context: BrowserContext, address: string): Promise<Page[]> =>
  Promise.all(
    Array.from({ length: 6 }, async () => {
      const tab = await context.newPage();
      await tab.addInitScript(
        "Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' })",
      );
      await tab.goto(address);
      return tab;
    }),
  );
