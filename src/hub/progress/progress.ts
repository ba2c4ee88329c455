/** How far one file's download is. */
export interface FileProgress {
  /** Bytes that are there by now. */
  update(bytes: number): void;
  /** The file is whole. */
  finish(): void;
  /** The download failed. */
  stop(): void;
}

/** Adds files up into the progress of them all: each call is for one more. */
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

/** Nothing is shown. */
export const noProgress: FileProgress = { update: () => {}, finish: () => {}, stop: () => {} };

/** 1.2 MB, as the Hub's pages say it (a thousand bytes to the kB). */
export function inUnits(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  const value = bytes / 1000 ** power;
  return `${power === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[power]}`;
}
