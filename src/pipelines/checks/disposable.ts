/** A value that `using` disposes of at the end of its block. */
export const disposable = <T>(
  value: T,
  dispose: (value: T) => void,
): { readonly value: T } & Disposable => ({
  value,
  [Symbol.dispose]: () => dispose(value),
});
