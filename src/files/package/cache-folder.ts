import { homedir } from "node:os";
import { join } from "node:path";

/** The folder for data that can be recreated: `PIXART_CACHE`, or this package's folder in the user's cache. */
export function cacheFolder(): string {
  const { PIXART_CACHE, XDG_CACHE_HOME } = process.env;
  const system =
    process.platform === "darwin"
      ? join(homedir(), "Library", "Caches")
      : XDG_CACHE_HOME || join(homedir(), ".cache");
  return PIXART_CACHE || join(system, "pixart");
}
