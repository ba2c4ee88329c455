/** What a shell gives for a process that SIGPIPE ended, which Node.js ignores. */
const SIGPIPE_EXIT = 128 + 13;

/**
 * What a command does where nobody reads on, as in `pixart configs | head -1`: it ends quietly once stdout, its data, is
 * not read; what it says on stderr is only for people, and work goes on without them.
 */
export function endWithReaders(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(SIGPIPE_EXIT);
  });
  process.stderr.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}
