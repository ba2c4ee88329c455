/** A word as a shell reads it back, for commands that messages show. */
export const shellWord = (word: string): string =>
  /^[\w./=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
