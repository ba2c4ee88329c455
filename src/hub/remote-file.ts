/** A file of a revision, as the Hub lists it. */
export interface RemoteFile {
  /** From the top of the repository, with `/`. */
  readonly path: string;
  readonly size: number;
  /** The name of the content: its SHA-256 where it is kept outside git, else git's own hash of it. */
  readonly etag: string;
  /** Whether it is kept outside git. */
  readonly isLarge: boolean;
  /** Git's hash: of the file, or of the pointer that git keeps for a large one. */
  readonly blobId: string;
  /** The name of the content in the Hub's newer storage, where it is there. */
  readonly xetHash?: string | undefined;
}

export const GIT_HASH: RegExp = /^([0-9a-f]{40}|[0-9a-f]{64})$/;
export const SHA256: RegExp = /^[0-9a-f]{64}$/;

/** A path whose parts are all names, so that it stays inside of the folder that it is put into. */
export const INNER_PATH: RegExp = /^(?!(?:.*\/)?\.{0,2}(?:\/|$))[^\\\0]+$/s;
