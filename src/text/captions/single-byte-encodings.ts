/** One character per byte, 256 in all. Bytes are represented as a string of the characters U+0000 to U+00FF. */
export class SingleByteEncoding {
  readonly name: string;
  readonly isLossy: boolean;
  readonly #characters: readonly string[];
  readonly #bytes: ReadonlyMap<string, string>;

  /**
   * `upperHalf`: the characters of the bytes from 0x80 on.
   * `isLossy`: the byte 0x1A stands for U+FFFD, a character that was lost.
   */
  constructor(name: string, upperHalf: readonly string[], { isLossy = false } = {}) {
    this.name = name;
    this.isLossy = isLossy;
    const ascii = Array.from({ length: 128 }, (_, byte) => String.fromCharCode(byte));
    if (isLossy) ascii[0x1a] = "\ufffd";
    this.#characters = [...ascii, ...upperHalf];
    this.#bytes = new Map(
      this.#characters.map((character, byte) => [character, String.fromCharCode(byte)]),
    );
  }

  decode(bytes: string): string {
    return Array.from(bytes, (byte) => this.#characters[byte.charCodeAt(0)] ?? byte).join("");
  }

  /** Undefined if the encoding lacks a character. */
  encode(text: string): string | undefined {
    let bytes = "";
    for (const character of text) {
      const byte = this.#bytes.get(character);
      if (byte === undefined) return undefined;
      bytes += byte;
    }
    return bytes;
  }
}

const upperBytes = Array.from({ length: 128 }, (_, index) => String.fromCharCode(128 + index));

/** A code page of the platform. Bytes that it leaves undefined are those of Latin-1, as in ftfy's "sloppy" ones. */
function codePage(name: string, label: string, isLossy: boolean): SingleByteEncoding {
  const decoder = new TextDecoder(label);
  const upperHalf = upperBytes.map((byte) => {
    const character = decoder.decode(Uint8Array.of(byte.charCodeAt(0)));
    return character === "\ufffd" ? byte : character;
  });
  return new SingleByteEncoding(name, upperHalf, { isLossy });
}

/** The bytes 0x80 to 0x9F of Windows-1252; written out because Node 20 decodes that code page as Latin-1. */
const windows1252Marks = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ";
const codePage437 =
  "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\xa0";

export const latin1: SingleByteEncoding = new SingleByteEncoding("latin-1", upperBytes);
export const windows1252: SingleByteEncoding = new SingleByteEncoding(
  "windows-1252",
  [...windows1252Marks, ...upperBytes.slice(32)],
  { isLossy: true },
);

/** Encodings that UTF-8 is mistaken for, the likeliest first: `CHARMAP_ENCODINGS` of ftfy's chardata.py. */
export const mistakenEncodings: readonly SingleByteEncoding[] = [
  latin1,
  windows1252,
  codePage("windows-1251", "windows-1251", true),
  codePage("windows-1250", "windows-1250", true),
  codePage("windows-1253", "windows-1253", true),
  codePage("windows-1254", "windows-1254", true),
  codePage("windows-1257", "windows-1257", true),
  codePage("iso-8859-2", "iso-8859-2", false),
  codePage("macroman", "macintosh", false),
  new SingleByteEncoding("cp437", [...codePage437]),
];
