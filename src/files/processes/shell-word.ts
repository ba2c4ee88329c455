/** Quotes a word for a shell, for commands that messages show. */
export const shellWord = (word: string): string =>
  /^[\w./=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
