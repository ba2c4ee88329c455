// The three chunk packages have no types of their own.

declare module "png-chunks-extract" {
  /** Splits a whole PNG file into chunks, checking each CRC. */
  export default function extractChunks(
    png: Uint8Array,
  ): { readonly name: string; readonly data: Uint8Array }[];
}

declare module "png-chunks-encode" {
  /** The PNG signature followed by the chunks, each with its length and CRC. */
  export default function encodeChunks(
    chunks: readonly { readonly name: string; readonly data: Uint8Array }[],
  ): Uint8Array;
}

declare module "png-chunk-text" {
  const text: {
    /** A tEXt chunk; both strings are Latin-1 without NUL. */
    encode(keyword: string, content: string): { name: string; data: Uint8Array };
    decode(data: Uint8Array): { keyword: string; text: string };
  };
  export default text;
}
