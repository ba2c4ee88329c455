import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { writingSync } from "../write-error.ts";

/** Options of {@link startDetached}. */
export interface DetachedCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** The working directory. */
  readonly cwd: string;
  /** A file that both output streams are appended to. */
  readonly output: string;
}

/** Starts a process that outlives this one and its terminal. */
export function startDetached({ file, args, cwd, output }: DetachedCommand): ChildProcess {
  const stream = writingSync({ path: output, aim: "append to this file" }, () =>
    openSync(output, "a", 0o600),
  );
  try {
    const child = spawn(file, args, { cwd, detached: true, stdio: ["ignore", stream, stream] });
    child.unref();
    return child;
  } finally {
    closeSync(stream);
  }
}
