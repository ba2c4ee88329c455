/** A line for people, on stderr: stdout is for data. On a terminal it takes the place of a progress line. */
export const say = (line: string): void => {
  const clear = process.stderr.isTTY ? "\r\u001b[2K" : "";
  process.stderr.write(`${clear}${line}\n`);
};
