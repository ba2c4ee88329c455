import { SingleBar } from "cli-progress";
import { type FileProgress, inUnits } from "./progress.ts";

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
