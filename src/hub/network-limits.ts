// Limits on what is accepted from a server. None of them is near what an honest server sends; each bounds memory or time with one
// that is broken, hostile, or not the intended one. Sizes are decompressed: a compressed answer may be a thousandth.

/** One answer of the Hub. A page of a tree has 1,000 entries of about 300 bytes; a repository's page a few MB. */
export const HUB_ANSWER_BYTES: number = 32 * 2 ** 20;
/** A whole list of files, which stays in memory: the Hub advises against more than 100,000 files. */
export const HUB_LISTING: { readonly pages: number; readonly bytes: number; readonly ms: number } =
  {
    pages: 1_000,
    bytes: 256 * 2 ** 20,
    ms: 600_000,
  };
/** For one answer of the Hub; files have {@link STALL_MS}. */
export const HUB_ANSWER_MS = 30_000;
/** The Hub needs at most two to redirect to its storage. */
export const MAX_REDIRECTS = 5;
/** A download that brings no bytes for this long is requested again. Its size comes from the list of files. */
export const STALL_MS = 60_000;
/**
 * One answer of a chat endpoint: captions have a few kB, and servers that report the probability of each token send a few
 * hundred.
 */
export const CHAT_ANSWER_BYTES: number = 4 * 2 ** 20;
/** An error answer, of which one line is shown. */
export const CHAT_REFUSAL_BYTES: number = 64 * 2 ** 10;
