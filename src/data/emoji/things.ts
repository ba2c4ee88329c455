import type { Emojibase } from "./packages.ts";

/** A thing that the sets draw, whatever the style. */
export interface EmojiThing {
  /** The words that name it in captions, for example "red apple". */
  readonly thing: string;
  /** Its index among all things, sorted by name: the same whichever sets are rendered. */
  readonly class: number;
  /** The name of its files. */
  readonly slug: string;
  readonly hexcode: string;
  readonly group: string;
  readonly subgroup: string;
  readonly tags: readonly string[];
}

/** Parts of other emoji (skin tones, hair) are not pictures, and flags are words rather than things. */
const SKIPPED_GROUPS: ReadonlySet<string> = new Set(["component", "flags"]);

/** Every labelled emoji except components and flags, sorted by name. */
export function listThings({ records, groups, subgroups }: Emojibase): EmojiThing[] {
  const named = records.flatMap((record) => {
    const group = groups[record.group ?? -1];
    const subgroup = subgroups[record.subgroup ?? -1];
    if (group === undefined || subgroup === undefined || SKIPPED_GROUPS.has(group)) return [];
    const thing = thingName(record.label, subgroup);
    const tags = (record.tags ?? []).map(plainQuotes);
    return [{ thing, slug: slugOf(record.label), hexcode: record.hexcode, group, subgroup, tags }];
  });
  named.sort((a, b) => (a.thing < b.thing ? -1 : 1));
  return named.map((thing, index) => ({ ...thing, class: index }));
}

/** Labels that name no thing, or not the thing that is drawn. */
const RENAMED: Readonly<Record<string, string>> = {
  "star-struck": "star-struck face",
  "rolling on the floor laughing": "face rolling on the floor laughing",
  "breast-feeding": "woman breast-feeding a baby",
  foggy: "foggy city",
  camping: "camping tent",
  locked: "locked padlock",
  unlocked: "unlocked padlock",
  "locked with pen": "locked padlock with pen",
  "locked with key": "locked padlock with key",
  dizzy: "dizzy star",
  multiply: "multiplication sign",
  plus: "plus sign",
  minus: "minus sign",
  divide: "division sign",
  infinity: "infinity sign",
  copyright: "copyright sign",
  registered: "registered sign",
  "trade mark": "trade mark sign",
  warning: "warning sign",
  construction: "construction barrier",
  prohibited: "prohibited sign",
  radioactive: "radioactive sign",
  biohazard: "biohazard sign",
  "high voltage": "high voltage sign",
  "hundred points": "hundred points symbol",
  "keycap: #": "keycap hash",
  "keycap: *": "keycap asterisk",
};

const COUNTED: Readonly<Record<string, string>> = {
  man: "men",
  woman: "women",
  boy: "boys",
  girl: "girls",
  adult: "adults",
  child: "children",
};

/** The words for an emojibase label: "family: man, boy, boy" is "family of a man and two boys". */
export function thingName(label: string, subgroup: string): string {
  const plain = plainQuotes(label);
  const renamed = RENAMED[plain];
  if (renamed !== undefined) return renamed;
  if (subgroup === "zodiac") return `${plain} zodiac sign`;
  if (/^\w+( o'clock|-thirty)$/.test(plain)) return `clock at ${plain}`;
  if (plain.startsWith("input ")) return `${plain} key`;
  const [head = plain, detail] = plain.split(": ");
  if (detail === undefined)
    return plain.replace(/^(A|AB|B|O) button \(blood type\)$/, "$1 blood type button");
  if (head === "family") return `family of ${members(detail)}`;
  if (head === "kiss") return `kiss between ${members(detail)}`;
  if (head === "couple with heart") return `couple with heart, ${members(detail)}`;
  if (head === "keycap" || detail === "facing right") return `${head} ${detail}`;
  if (detail === "bald") return `bald ${head}`;
  return `${head} with ${detail}`;
}

/** "man, boy, boy" as "a man and two boys". */
function members(list: string): string {
  const counts = new Map<string, number>();
  for (const member of list.split(", ")) counts.set(member, (counts.get(member) ?? 0) + 1);
  const phrases = [...counts].map(([member, count]) => {
    const many = count === 2 ? `two ${COUNTED[member]}` : undefined;
    return many ?? `${member === "adult" ? "an" : "a"} ${member}`;
  });
  return phrases.length > 2
    ? `${phrases.slice(0, -1).join(", ")} and ${phrases.at(-1)}`
    : phrases.join(" and ");
}

/** Lower-case words joined by hyphens: "keycap: #" is `keycap-hash`. */
export function slugOf(label: string): string {
  return label
    .normalize("NFKD")
    .replace(/[\u0300-\u036f'’]/g, "")
    .replace("#", "hash")
    .replace("*", "asterisk")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}

function plainQuotes(text: string): string {
  return text.replace(/[‘’]/g, "'").replace(/[“”]/g, '"');
}
