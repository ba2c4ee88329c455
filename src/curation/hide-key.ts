/** Number of consecutive letters and digits of the key that make a word count as the key. */
const SHARED = 6;
/** A longer word of letters and digits is more likely a key, a hash or a signature than readable text. */
const TOKEN = 20;
const WORD = /[\w.+/=~%*-]+/g;

const plain = (text: string): string => text.replace(/[^a-z\d]/gi, "").toLowerCase();

const isToken = (word: string): boolean =>
  plain(word).length >= TOKEN && /\d/.test(word) && /[a-z]/i.test(word);

/**
 * Removes the key from a server's message, even if it is repeated in part, in other case, with other separators between the
 * letters, or encoded. Words that look like a key are removed too, except those of `known`, such as the model's name.
 */
export function withoutKey(words: string, key: string, known: readonly string[]): string {
  const secret = plain(key);
  const length = Math.min(SHARED, secret.length);
  const parts = Array.from({ length: secret.length - length + 1 }, (_, i) =>
    secret.slice(i, i + length),
  );
  const isSecret = (word: string): boolean => {
    if (known.some((name) => name.includes(word))) return false;
    const letters = plain(word);
    return (
      (length > 0 && parts.some((part) => letters.includes(part))) ||
      word.split(/[./]/).some(isToken)
    );
  };
  // The key itself may contain characters that no word has.
  return words.replaceAll(key, "…").replace(WORD, (word) => {
    const end = /[.]*$/.exec(word)?.[0] ?? "";
    return isSecret(word.slice(0, word.length - end.length)) ? `…${end}` : word;
  });
}
