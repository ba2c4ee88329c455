/** A control picture to be written, with unchanged bytes. */
export interface WrittenControl {
  /** Path in the new layout, with `/` and the picture's extension. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** A picture to be written in another layout, with unchanged bytes. */
export interface WrittenPicture {
  /** Path in the new layout, with `/` and the picture's extension. */
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly text: string;
  /** All captions, `text` first, if there are several. */
  readonly captions?: readonly string[] | undefined;
  readonly columns: Readonly<Record<string, unknown>>;
  /** Only for layouts that can hold it. */
  readonly control?: WrittenControl | undefined;
}

/** Writes one layout into a folder that is not visible to others yet. */
export interface DatasetWriter {
  /** Converts a name that the layout cannot store; undefined if it can store any. */
  readonly fileName?: (file: string) => string;
  /** Adds pictures; they come sorted by `file`. */
  add(pictures: readonly WrittenPicture[]): Promise<void>;
  /** Everything is on disk when this returns. */
  finish(): Promise<void>;
}
