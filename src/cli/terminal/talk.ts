/** A line for people, on stderr: stdout is for data. On a terminal it takes the place of a progress line. */
export const say = (line: string): void => {
  // In a write of its own: what is written with a text is shown, and steers nothing.
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[2K");
  process.stderr.write(`${line}\n`);
};
