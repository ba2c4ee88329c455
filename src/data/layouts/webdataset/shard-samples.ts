import { LARGEST_FILE } from "../../../files/reading/whole-file.ts";
import { sniffImage } from "../../../images/index.ts";
import type { Unreadable } from "../../dataset.ts";
import { isInnerPath, refusedBytes } from "../found-picture.ts";
import { OTHER_PICTURE_NAME, PICTURE_NAME } from "../picture-names.ts";
import { openShard } from "./shard-bytes.ts";
import { type TarMember, tarMembers } from "./tar-members.ts";

/** Extensions of captions, in the order of precedence. */
export const CAPTION_KINDS = ["txt", "caption", "json"] as const;
export type CaptionKind = (typeof CAPTION_KINDS)[number];

/** A picture or a caption in a shard. */
export interface ShardFile extends TarMember {
  /** The part after the key's dot, in lower case. */
  readonly extension: string;
  /** Why a picture can't be used, judged by its first bytes. */
  readonly refused: string | undefined;
}

/** The captions of a picture by extension. */
export type ShardCaptions = Readonly<Partial<Record<CaptionKind, ShardFile>>>;

/** The files of one key: the path up to the first dot of its last part (webdataset, tariterators.py `base_plus_ext`). */
class ShardSample {
  readonly #pictures = new Map<string, ShardFile>();
  readonly #captions = new Map<string, ShardFile>();

  get pictures(): readonly ShardFile[] {
    return [...this.#pictures.values()];
  }

  /** Adds a picture; returns an earlier one with the same name. */
  addPicture(file: ShardFile): ShardFile | undefined {
    const earlier = this.#pictures.get(file.name);
    this.#pictures.set(file.name, file);
    return earlier;
  }

  addCaption(file: ShardFile): void {
    this.#captions.set(file.extension, file);
  }

  /** Whether a caption has a picture's full name and not only its key: `7.seg.txt` for `7.seg.png`. */
  hasOwnCaption(picture: ShardFile): boolean {
    const prefix = prefixOf(picture);
    return CAPTION_KINDS.some((kind) => prefix !== "" && this.#captions.has(prefix + kind));
  }

  /** A picture's captions; those with its full name take precedence over those with its key. */
  captionsOf(picture: ShardFile): ShardCaptions {
    const prefix = prefixOf(picture);
    return Object.fromEntries(
      CAPTION_KINDS.flatMap((kind) => {
        const file = this.#captions.get(prefix + kind) ?? this.#captions.get(kind);
        return file === undefined ? [] : [[kind, file]];
      }),
    );
  }
}

/** "seg." of `7.seg.png`. */
const prefixOf = ({ extension }: ShardFile): string =>
  extension.slice(0, extension.lastIndexOf(".") + 1);

/** The samples of a shard, and the files that fit no sample. */
export class ShardSamples {
  readonly samples: readonly ShardSample[];
  readonly unreadable: Unreadable[];
  readonly leftOut: Unreadable[];

  private constructor(
    samples: readonly ShardSample[],
    unreadable: Unreadable[],
    leftOut: Unreadable[],
  ) {
    this.samples = samples;
    this.unreadable = unreadable;
    this.leftOut = leftOut;
  }

  /** Reads a tar's headers. Throws BadFileError for damage. */
  static async read(shard: string): Promise<ShardSamples> {
    const samples = new Map<string, ShardSample>();
    const unreadable: Unreadable[] = [];
    const leftOut: Unreadable[] = [];
    const bytes = await openShard(shard);
    try {
      for await (const { name: given, ...member } of tarMembers(shard, bytes)) {
        const name = plainName(given);
        if (member.type === "directory" || isHidden(name)) continue;
        const { key, extension } = splitName(name);
        const reason = refusal({ ...member, name });
        const kind = kindOf(extension, member.head);
        if (reason !== undefined) {
          if (extension !== "" || kind === "picture") {
            unreadable.push({ path: `${shard}#${name}`, reason });
          }
        } else if (kind === "other picture") {
          const found = refusedBytes(member.head) ?? "";
          leftOut.push({ path: `${shard}#${name}`, reason: found });
        } else if (kind !== undefined) {
          const sample = samples.get(key) ?? new ShardSample();
          samples.set(key, sample);
          const isPicture = kind === "picture";
          // Only captions keep their bytes, as a copy: a view would keep everything that was read with them.
          const head = isPicture ? new Uint8Array() : Uint8Array.from(member.head);
          const refused = isPicture ? refusedBytes(member.head) : undefined;
          const file = { ...member, name, extension, head, refused };
          if (!isPicture) sample.addCaption(file);
          else if (sample.addPicture(file) !== undefined) {
            const again =
              "the shard contains a later file of this name, which is used instead, as tar does";
            leftOut.push({ path: `${shard}#${name}`, reason: again });
          }
        }
      }
    } finally {
      await bytes.close();
    }
    return new ShardSamples([...samples.values()], unreadable, leftOut);
  }
}

/** The name without `./`, which `tar cf x.tar -C folder .` adds to every name. */
const plainName = (name: string): string =>
  name.replace(/^(\.\/+)+/, "").replace(/\/(\.?\/)+/g, "/");

const isHidden = (name: string): boolean => /(^|\/)(\.[^/]*$|__MACOSX\/)/.test(name);

/** A name without a dot is a key. */
function splitName(name: string): { key: string; extension: string } {
  const [, key = name, extension = ""] = /^((?:.*\/)?[^/.]+)\.([^/]*)$/s.exec(name) ?? [];
  return { key: key.normalize("NFC"), extension: extension.toLowerCase() };
}

/** By the name's extension; if that says nothing, by the first bytes. */
function kindOf(
  extension: string,
  head: Uint8Array,
): "picture" | "other picture" | "caption" | undefined {
  const ending = `.${extension.slice(extension.lastIndexOf(".") + 1)}`;
  if (PICTURE_NAME.test(ending)) return "picture";
  if (CAPTION_KINDS.some((kind) => `.${kind}` === ending)) return "caption";
  if ("format" in sniffImage(head)) return "picture";
  return OTHER_PICTURE_NAME.test(ending) ? "other picture" : undefined;
}

function refusal({ name, type, size }: TarMember): string | undefined {
  if (!isInnerPath(name)) return "its name leads out of the folder";
  if (type !== "file") return `is a ${type}, which is not followed`;
  return size > LARGEST_FILE.picture && PICTURE_NAME.test(name)
    ? `expected at most ${LARGEST_FILE.picture} bytes but found ${size}`
    : undefined;
}
