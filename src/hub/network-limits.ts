// What is taken from a server at most. None of them is near what an honest one sends; each bounds memory or time with one that
// is broken, hostile, or not the one that was meant. Sizes are of what has been unpacked: a packed answer may be a thousandth.

/** Of one answer of the Hub. A page of a tree has 1,000 entries of some 300 bytes; a repository's page some MB. */
export const HUB_ANSWER_BYTES: number = 32 * 2 ** 20;
/** Of a whole list of files, which stays in memory: the Hub advises against more than 100,000 files. */
export const HUB_LISTING: { readonly pages: number; readonly bytes: number; readonly ms: number } =
  {
    pages: 1_000,
    bytes: 256 * 2 ** 20,
    ms: 600_000,
  };
/** For one answer of the Hub; files have {@link STALL_MS}. */
export const HUB_ANSWER_MS = 30_000;
/** The Hub redirects to its storage by at most two. */
export const MAX_REDIRECTS = 5;
/** A download whose next bytes do not come for so long is asked for anew. Its size is that of the list of files. */
export const STALL_MS = 60_000;
/** Of one answer of a chat endpoint: captions have some kB, and servers that tell of each token's odds send some hundred. */
export const CHAT_ANSWER_BYTES: number = 4 * 2 ** 20;
/** Of an answer that says what was wrong: what is shown of it is a line. */
export const CHAT_REFUSAL_BYTES: number = 64 * 2 ** 10;
