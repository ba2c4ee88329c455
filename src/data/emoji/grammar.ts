/** Anything from here on only describes the thing: "face | with tears of joy", "people | holding hands". */
const TAIL =
  /,? (?:with|without|of|in|on|at|from|behind|between|over|facing|and) .*|, .*| \w+ing\b.*/;

/** Last words of things named without an article. */
const UNCOUNTABLE: ReadonlySet<string> = new Set([
  ...["bread", "flatbread", "bacon", "sushi", "butter", "salt", "popcorn", "spaghetti", "garlic"],
  ...["broccoli", "rice", "ice", "cream", "candy", "custard", "falafel", "fondue", "oden", "dango"],
  ...["sake", "mate", "tea", "food", "meat", "root", "coral", "soap", "fog", "fire", "wood", "dna"],
  ...["water", "liquid", "luggage", "polish", "yarn", "thread", "money", "construction"],
  ...["information", "control", "claim", "exchange", "wireless", "cooking", "football", "tennis"],
  ...["badminton", "pong", "hockey", "lacrosse", "bowling", "baseball", "softball", "volleyball"],
]);

/** Full names that need no article. */
const ALONE: ReadonlySet<string> = new Set([
  ...["mount fuji", "Santa Claus", "Mrs. Claus", "Mx Claus", "ZZZ", "horse racing"],
  ...["palms up together", "dashing away", "flower playing cards"],
]);

const DEFINITE: ReadonlySet<string> = new Set([
  ...["kaaba", "milky way", "sun", "Statue of Liberty", "Tokyo tower"],
]);

const PLURAL: ReadonlySet<string> = new Set(["people", "men", "women", "children", "skis"]);
/** Singular despite the -s (besides -ss, -us and -is). */
const SINGULAR: ReadonlySet<string> = new Set(["rhinoceros", "leftwards", "rightwards"]);

/** Vowels that sound like consonants, and consonants that are silent or spelt out. */
const TAKES_A = /^(uni|one\b|e[uw])/i;
const TAKES_AN = /^([aeiou]|hour|SOS\b|NG\b|x-ray)/i;

/** The thing as a caption names it: "a red apple", "an owl", "grapes", "the milky way". */
export function withArticle(thing: string): string {
  if (DEFINITE.has(thing)) return `the ${thing}`;
  return standsAlone(thing) ? thing : `${articleFor(thing)} ${thing}`;
}

/** "a" or "an", by how the next word sounds. */
export function articleFor(words: string): "a" | "an" {
  return TAKES_AN.test(words) && !TAKES_A.test(words) ? "an" : "a";
}

function standsAlone(thing: string): boolean {
  if (ALONE.has(thing) || /^(no|two) /.test(thing)) return true;
  const noun = thing.replace(TAIL, "").split(" ").at(-1) as string;
  if (UNCOUNTABLE.has(noun) || PLURAL.has(noun)) return true;
  return /[^sui]s$/.test(noun) && !SINGULAR.has(noun);
}
