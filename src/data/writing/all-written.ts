/** `Promise.all` that waits for the rest where one fails: when it throws nothing is written any more. */
export async function allWritten<T>(writes: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(writes);
  return Promise.all(writes);
}
