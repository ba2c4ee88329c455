import type { Appearance } from "./appearance.ts";
import { articleFor, withArticle } from "./grammar.ts";
import type { EmojiStyle } from "./packages.ts";
import type { EmojiThing } from "./things.ts";

/** What kind of emoji a group and a subgroup of emojibase hold; one phrase where both say the same. */
const GROUP_WORDS: Readonly<Record<string, string>> = {
  "smileys-emotion": "smiley",
  "people-body": "people",
  "animals-nature": "nature",
  "food-drink": "food",
  "travel-places": "travel",
  activities: "activity",
  objects: "object",
  symbols: "symbol",
};

/** Subgroups whose name is not already the word for them ("animal-bird" is "bird"). */
const SUBGROUP_WORDS: Readonly<Record<string, string>> = {
  "face-neutral-skeptical": "neutral face",
  "cat-face": "cat face",
  "monkey-face": "monkey face",
  "hand-fingers-open": "open hand",
  "hand-fingers-partial": "hand sign",
  "hand-single-finger": "pointing hand",
  "hand-fingers-closed": "closed hand",
  "hand-prop": "hand",
  "body-parts": "body part",
  "person-activity": "activity",
  "person-symbol": "person symbol",
  "plant-other": "plant",
  "food-asian": "Asian dish",
  "food-prepared": "prepared dish",
  "place-other": "place",
  "sky-weather": "sky and weather",
  "award-medal": "medal",
  "arts-crafts": "arts and crafts",
  "musical-instrument": "musical instrument",
  "light-video": "light and video",
  "book-paper": "book and paper",
  "other-object": "everyday object",
  "transport-sign": "transport sign",
  "transport-ground": "land vehicle",
  "transport-water": "water vehicle",
  "transport-air": "air vehicle",
  "av-symbol": "playback button",
  "other-symbol": "general symbol",
  alphanum: "letters and numbers",
};

const MAX_TAGS = 6;

/** "a red apple, noto style" */
export function shortCaption(thing: string, style: EmojiStyle): string {
  return `${withArticle(thing)}, ${style} style`;
}

/**
 * Everything that is known of the picture, seen or recorded: "a red apple, a food and fruit emoji
 * drawn in noto style: mostly red, round, filling the frame, on a white background; apple, fruit".
 */
export function denseCaption(
  { thing, group, subgroup, tags }: Pick<EmojiThing, "thing" | "group" | "subgroup" | "tags">,
  style: EmojiStyle,
  appearance: Appearance,
): string {
  const kind = kindWords(group, subgroup);
  const seen = [colourWords(appearance), ...appearance.shape, "on a white background"];
  const others = tags.filter((tag) => tag !== thing).slice(0, MAX_TAGS);
  const recorded = others.length > 0 ? `; ${others.join(", ")}` : "";
  return (
    `${withArticle(thing)}, ${articleFor(kind)} ${kind} emoji drawn in ${style} style: ` +
    `${seen.join(", ")}${recorded}`
  );
}

/** "food and fruit" for food-drink / food-fruit. */
function kindWords(group: string, subgroup: string): string {
  const broad = GROUP_WORDS[group] ?? group;
  const narrow = SUBGROUP_WORDS[subgroup] ?? lastWords(subgroup);
  return narrow.split(" ").includes(broad) ? narrow : `${broad} and ${narrow}`;
}

function lastWords(subgroup: string): string {
  const words = subgroup.split("-");
  if (words[0] === "face") return `${words.slice(1).join(" ")} face`;
  return words.slice(1).join(" ") || subgroup;
}

/** "mostly red with green and brown" where one colour covers half, else "red, green and brown". */
function colourWords({ colours }: Appearance): string {
  const names = colours.map((colour) => colour.name);
  const [first = "many-coloured", ...rest] = names;
  if (rest.length === 0) return first;
  if ((colours[0]?.share ?? 0) >= 0.5) return `mostly ${first} with ${listed(rest)}`;
  return listed(names);
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
