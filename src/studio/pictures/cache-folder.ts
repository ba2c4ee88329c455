import { homedir } from "node:os";
import { join } from "node:path";

/** Where this system keeps what programs can make again. */
export function cacheFolder(
  name: string,
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  const own = env.PIXART_CACHE;
  if (own !== undefined && own !== "") return join(own, name);
  if (platform === "win32")
    return join(env.LOCALAPPDATA ?? join(homedir(), "AppData", "Local"), "pixart", name);
  if (platform === "darwin") return join(homedir(), "Library", "Caches", "pixart", name);
  return join(env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "pixart", name);
}
