import { SingleBar } from "cli-progress";
import { type FileProgress, inUnits } from "./progress.ts";

/** Where progress is shown: stderr, except in tests. */
export type ProgressStream = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** Progress of a file on stderr: a bar on a terminal, elsewhere one plain line when it is done. */
export function showProgress(
  label: string,
  size: number,
  stream: ProgressStream = process.stderr,
): FileProgress {
  const bar = new SingleBar({
    stream,
    format: `${label}  [{bar}] {percentage}%  {bytes} of ${inUnits(size)}  {eta_formatted} left`,
    barsize: 24,
    // A file of 20 GB has a chunk every few milliseconds: the rate is averaged over a few seconds.
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
