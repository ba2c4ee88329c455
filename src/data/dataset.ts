/** Layouts that can be written. */
export const WRITTEN_LAYOUTS = [
  "side-cars",
  "jsonl",
  "csv",
  "captions",
  "parquet",
  "webdataset",
  "pixart-json",
] as const;
export type WrittenLayout = (typeof WRITTEN_LAYOUTS)[number];

/** Layouts that can be read; in `pictures`, pictures have no captions of their own. */
export const DATASET_LAYOUTS = [...WRITTEN_LAYOUTS, "pictures"] as const;

/** How a data set stores its pictures and captions. */
export type DatasetLayout = (typeof DATASET_LAYOUTS)[number];

/** A picture shown to a ControlNet, wherever its bytes are stored. */
export interface ControlPicture {
  /** Its location, for messages. */
  readonly path: string;
  /** The file's bytes, read again on every call. Throws ImageError, naming `path`. */
  read(): Promise<Uint8Array>;
}

/** A captioned picture, wherever its bytes are stored. */
export interface DatasetEntry {
  /** Permanent name of the picture: its path below the folder with `/`, or its name in a container. Entries are sorted by it. */
  readonly file: string;
  /** Its location, for messages: an absolute path; in a container followed by `#` and the name or row. */
  readonly path: string;
  readonly text: string;
  /** All captions, `text` first, if there are several. */
  readonly captions?: readonly string[] | undefined;
  /** Other metadata: `dense_text`, `thing`, `style`, `class`, `split` and any other column. */
  readonly columns: Readonly<Record<string, unknown>>;
  /** The file's bytes, read again on every call: entries hold none. Throws ImageError, naming `path`. */
  read(): Promise<Uint8Array>;
  /** Its control picture, if the set has one. */
  readonly control?: ControlPicture | undefined;
}

/** A picture that is not used, with the reason. */
export interface Unreadable {
  readonly path: string;
  readonly reason: string;
}

/** A split and its pictures. */
export interface SplitCount {
  /** As the data set names it; null for pictures without a split. */
  readonly split: string | null;
  readonly pictures: number;
  /** Never trained on: validation, test and held-out pictures, under any of their names. */
  readonly isHeldOut: boolean;
}

/** Options of `readDataset`; the usual layouts need none. */
export interface DatasetOptions {
  /** For a data set on the Hub: a branch, a tag or a commit. Default `main`, or the Hub's parquet conversion of it. */
  readonly revision?: string | undefined;
  /**
   * Folders, with links resolved, outside of which no file is read: links out of them are listed as unreadable. Default: links are
   * followed wherever they lead.
   */
  readonly within?: readonly string[] | undefined;
  /** Needed only if a folder holds several layouts. */
  readonly layout?: DatasetLayout | undefined;
  /** Column with the picture or its path. Default: the first of `file_name`, `image`, `file` that exists. */
  readonly imageColumn?: string | undefined;
  /** Column with the caption. Default: the first of `text`, `caption`, `prompt` that exists. */
  readonly textColumn?: string | undefined;
  /** Column with the control picture or its path. Default: the first of `control_image`, `conditioning_image` that exists. */
  readonly controlColumn?: string | undefined;
  /** A folder of control pictures, instead of a column; each has its picture's name, in any format. */
  readonly controlFolder?: string | undefined;
  /** Pictures without a caption become entries too, with an empty `text`, for captioning tools. Default false. */
  readonly acceptUncaptioned?: boolean | undefined;
  /** DreamBooth: the caption of every picture, instead of its own, which is then optional. */
  readonly instancePrompt?: string | undefined;
  /** DreamBooth's prior preservation: a folder of pictures of the class, with `classPrompt` as their caption. */
  readonly classFolder?: string | undefined;
  readonly classPrompt?: string | undefined;
}

/** Result of `readDataset`. */
export interface Dataset {
  /** Absolute path of the folder or file that was read; for a data set on the Hub, that of the cached commit. */
  readonly location: string;
  readonly layout: DatasetLayout;
  /** The pictures that can be trained on, sorted by `file`. */
  readonly entries: readonly DatasetEntry[];
  /** The entries of `classFolder`, sorted; empty without one. */
  readonly classEntries: readonly DatasetEntry[];
  /** Number of pictures found or named: entries, missing captions, unreadable and left-out ones. */
  readonly images: number;
  /** How many of them are entries. */
  readonly captioned: number;
  /** `path` of the readable pictures without a caption. */
  readonly missingCaption: readonly string[];
  readonly unreadable: readonly Unreadable[];
  /** Good pictures that the layout's own rules leave out: PixArt's lists drop very tall ones. */
  readonly leftOut: readonly Unreadable[];
  /** Number of entries per split; empty if nothing marks splits. */
  readonly splits: readonly SplitCount[];
  /** Assumptions that were made and what was ignored, in sentences for the user. */
  readonly notes: readonly string[];
}
