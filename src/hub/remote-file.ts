/** A file of a revision, as the Hub lists it. */
export interface RemoteFile {
  /** From the root of the repository, with `/`. */
  readonly path: string;
  readonly size: number;
  /** Identifies the content: its SHA-256 if it is stored outside git, otherwise git's own hash. */
  readonly etag: string;
  /** Whether it is stored outside git. */
  readonly isLarge: boolean;
  /** Git's hash: of the file, or of the pointer that git stores for a large one. */
  readonly blobId: string;
  /** The hash of the content in the Hub's newer storage, if it is there. */
  readonly xetHash?: string | undefined;
}

export const GIT_HASH: RegExp = /^([0-9a-f]{40}|[0-9a-f]{64})$/;
export const SHA256: RegExp = /^[0-9a-f]{64}$/;

/** A path without empty, `.` or `..` parts, so that it stays inside its target folder. */
export const INNER_PATH: RegExp = /^(?!(?:.*\/)?\.{0,2}(?:\/|$))[^\\\0]+$/s;
