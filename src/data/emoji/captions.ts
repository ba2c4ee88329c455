import type { Appearance } from "./appearance.ts";
import { articleFor, withArticle } from "./grammar.ts";
import type { EmojiStyle } from "./packages.ts";
import type { EmojiThing } from "./things.ts";

/** Words for emojibase's groups; animals and plants are distinguished by their subgroups. */
const GROUP_WORDS: Readonly<Record<string, string>> = {
  "smileys-emotion": "smiley",
  "people-body": "person",
  "food-drink": "food",
  "travel-places": "travel",
  activities: "activity",
  objects: "object",
  symbols: "symbol",
};

/** Words for subgroups whose last word is not specific enough ("animal-bird" is "bird"). */
const SUBGROUP_WORDS: Readonly<Record<string, string>> = {
  "face-smiling": "smiling face",
  "face-affection": "affectionate face",
  "face-tongue": "face with tongue",
  "face-hand": "face with hand",
  "face-neutral-skeptical": "neutral face",
  "face-sleepy": "sleepy face",
  "face-unwell": "unwell face",
  "face-hat": "face with hat",
  "face-glasses": "face with glasses",
  "face-concerned": "concerned face",
  "face-negative": "negative face",
  "face-costume": "costumed face",
  "cat-face": "cat face",
  "monkey-face": "monkey face",
  "hand-fingers-open": "open hand",
  "hand-fingers-partial": "hand sign",
  "hand-single-finger": "pointing hand",
  "hand-fingers-closed": "closed hand",
  "hand-prop": "busy hand",
  "body-parts": "body part",
  person: "portrait",
  "person-role": "occupation",
  "person-symbol": "silhouette",
  "plant-other": "leaf",
  "food-asian": "Asian dish",
  "food-prepared": "prepared dish",
  "place-other": "place",
  "transport-ground": "land transport",
  "transport-water": "water transport",
  "transport-air": "air transport",
  "sky-weather": "weather",
  "award-medal": "medal",
  "arts-crafts": "craft",
  "musical-instrument": "musical instrument",
  "light-video": "film",
  "book-paper": "paper",
  "other-object": "everyday object",
  "transport-sign": "transport sign",
  "av-symbol": "playback button",
  "other-symbol": "general symbol",
  alphanum: "lettering",
  geometric: "geometric shape",
};

const MAX_TAGS = 6;

/** "a red apple, noto style" */
export function shortCaption(thing: string, style: EmojiStyle): string {
  return `${withArticle(thing)}, ${style} style`;
}

/**
 * Everything known about the picture, measured or recorded: "a red apple, a food and fruit emoji drawn in noto style: mostly red,
 * round, filling the frame, on a white background; apple, fruit".
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

/** "food and fruit" for food-drink / food-fruit; one word if the second includes the first. */
export function kindWords(group: string, subgroup: string): string {
  const words = subgroup.split("-");
  const broad = GROUP_WORDS[group] ?? words[0] ?? "";
  const narrow = SUBGROUP_WORDS[subgroup] ?? words.at(-1) ?? "";
  return narrow.split(" ").includes(broad) ? narrow : `${broad} and ${narrow}`;
}

/** "mostly red with green and brown" if one colour covers half, else "red, green and brown". */
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
