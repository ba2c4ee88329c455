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

/** Layouts that can be read: `pictures` have no captions of their own. */
export const DATASET_LAYOUTS = [...WRITTEN_LAYOUTS, "pictures"] as const;

/** How a data set keeps its pictures and captions. */
export type DatasetLayout = (typeof DATASET_LAYOUTS)[number];

/** What a ControlNet is shown of a picture, wherever its bytes are kept. */
export interface ControlPicture {
  /** Where it is, for messages. */
  readonly path: string;
  /** The file's bytes, read anew at every call. Throws ImageError naming `path`. */
  read(): Promise<Uint8Array>;
}

/** One captioned picture, wherever its bytes are kept. */
export interface DatasetEntry {
  /** Names the picture for good: its path below the folder with `/`, or its name in a container. Entries are sorted by it. */
  readonly file: string;
  /** Where it is, for messages: an absolute path; in a container followed by `#` and the name or row. */
  readonly path: string;
  readonly text: string;
  /** What else is known: `dense_text`, `thing`, `style`, `class`, `split` and any other column. */
  readonly columns: Readonly<Record<string, unknown>>;
  /** The file's bytes, read anew at every call: entries hold none. Throws ImageError naming `path`. */
  read(): Promise<Uint8Array>;
  /** Its control picture, where the set has one. */
  readonly control?: ControlPicture | undefined;
}

/** A picture that is not used, and why. */
export interface Unreadable {
  readonly path: string;
  readonly reason: string;
}

/** A split and its pictures. */
export interface SplitCount {
  /** As the data set names it; null for the pictures of which it says nothing. */
  readonly split: string | null;
  readonly pictures: number;
  /** Never trained on: validation, test and held-out pictures, by whichever name. */
  readonly isHeldOut: boolean;
}

/** Options of `readDataset`; nothing is needed for the usual layouts. */
export interface DatasetOptions {
  /** Of a data set on the Hub: a branch, a tag or a commit. Default `main`, or what the Hub made of it in parquet. */
  readonly revision?: string | undefined;
  /** Needed only where a folder holds several layouts. */
  readonly layout?: DatasetLayout | undefined;
  /** Column with the picture or its path. Default: the first there is of `file_name`, `image`, `file`. */
  readonly imageColumn?: string | undefined;
  /** Column with the caption. Default: the first there is of `text`, `caption`, `prompt`. */
  readonly textColumn?: string | undefined;
  /** Column with the control picture or its path. Default: the first there is of `control_image`, `conditioning_image`. */
  readonly controlColumn?: string | undefined;
  /** A folder of control pictures in place of a column, each under its picture's name in whatever format. */
  readonly controlFolder?: string | undefined;
  /** Pictures without a caption are entries too, with an empty `text`: for those who write captions. Default false. */
  readonly acceptUncaptioned?: boolean | undefined;
  /** DreamBooth: the caption of every picture, in place of its own, which it need not have. */
  readonly instancePrompt?: string | undefined;
  /** DreamBooth's prior preservation: a folder of pictures of the class, with `classPrompt` as their caption. */
  readonly classFolder?: string | undefined;
  readonly classPrompt?: string | undefined;
}

/** What `readDataset` found. */
export interface Dataset {
  /** Absolute path of the folder or file that was read; for a data set on the Hub, of the cached commit. */
  readonly location: string;
  readonly layout: DatasetLayout;
  /** The pictures that can be trained on, sorted by `file`. */
  readonly entries: readonly DatasetEntry[];
  /** Those of `classFolder`, sorted; empty without one. */
  readonly classEntries: readonly DatasetEntry[];
  /** How many pictures there are or are named: entries, missing captions, unreadable and left out ones. */
  readonly images: number;
  /** How many of them are entries. */
  readonly captioned: number;
  /** `path` of the readable pictures without a caption. */
  readonly missingCaption: readonly string[];
  readonly unreadable: readonly Unreadable[];
  /** Good pictures that the layout's own rules leave out: PixArt's lists drop those that are too tall. */
  readonly leftOut: readonly Unreadable[];
  /** How many entries each split has; empty where nothing marks splits. */
  readonly splits: readonly SplitCount[];
  /** What was assumed or passed over, in sentences for people. */
  readonly notes: readonly string[];
}
