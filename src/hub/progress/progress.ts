/** Progress of one file's download. */
export interface FileProgress {
  /** Number of bytes so far. */
  update(bytes: number): void;
  /** The file is complete. */
  finish(): void;
  /** The download failed. */
  stop(): void;
}

/** Adds up the progress of several files: call the result once per file. */
export function partOf(whole: FileProgress): () => FileProgress {
  let sum = 0;
  return () => {
    let own = 0;
    return {
      update: (bytes) => {
        sum += bytes - own;
        own = bytes;
        whole.update(sum);
      },
      finish: () => {},
      stop: () => {},
    };
  };
}

/** Shows nothing. */
export const noProgress: FileProgress = { update: () => {}, finish: () => {}, stop: () => {} };

/** Formats bytes like the Hub's pages: 1.2 MB, with 1000 bytes to the kB. */
export function inUnits(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  const value = bytes / 1000 ** power;
  return `${power === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[power]}`;
}
