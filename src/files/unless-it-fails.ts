/** Returns the result of `action`; undefined if it fails. For what matters less than an earlier failure or result. */
export function unlessItFails<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
