/** Prints a line for people on stderr: stdout is for data. On a terminal it replaces a progress line. */
export const say = (line: string): void => {
  // In a write of its own: control sequences written together with text are shown as text.
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[2K");
  process.stderr.write(`${line}\n`);
};
