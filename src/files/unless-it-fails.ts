/** What `action` gives; undefined where it fails, for what matters less than what has failed or been done before. */
export function unlessItFails<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
