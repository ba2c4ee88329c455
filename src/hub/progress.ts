import { SingleBar } from "cli-progress";

/** How far one file's download is. */
export interface FileProgress {
  /** Bytes that are there by now. */
  update(bytes: number): void;
  /** The file is whole. */
  finish(): void;
  /** The download failed. */
  stop(): void;
}

/** Where progress is shown: stderr, unless a test looks on. */
export type ProgressStream = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** One line of a file on stderr: a bar on a terminal; elsewhere a plain line when it is done. */
export function showProgress(
  label: string,
  size: number,
  stream: ProgressStream = process.stderr,
): FileProgress {
  const bar = new SingleBar({
    stream,
    format: `${label}  [{bar}] {percentage}%  {bytes} of ${inUnits(size)}  {eta_formatted} left`,
    barsize: 24,
    // A file of 20 GB has a chunk every few milliseconds: the rate is taken over a few seconds.
    etaBuffer: 2_000,
  });
  bar.start(size, 0, { bytes: inUnits(0) });
  return {
    update: (bytes) => bar.update(bytes, { bytes: inUnits(bytes) }),
    finish: () => {
      bar.update(size, { bytes: inUnits(size) });
      bar.stop();
      if (!stream.isTTY) stream.write(`${label}: ${inUnits(size)}\n`);
    },
    stop: () => bar.stop(),
  };
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
