/** A picture on its way into another layout, its bytes unchanged. */
export interface WrittenPicture {
  /** Path in the new layout, with `/` and the picture's extension. */
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly columns: Readonly<Record<string, unknown>>;
}

/** Writes one layout into a folder that nobody else sees yet. */
export interface DatasetWriter {
  /** What becomes of a name that the layout can't hold; undefined where it can hold any. */
  readonly fileName?: (file: string) => string;
  /** Takes some pictures; they come sorted by `file`. */
  add(pictures: readonly WrittenPicture[]): Promise<void>;
  /** Everything is on the disk when this returns. */
  finish(): Promise<void>;
}
