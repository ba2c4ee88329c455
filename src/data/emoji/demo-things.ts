import { expected, InvalidValueError } from "../../errors/index.ts";

/** Well-known things that look different from each other and that all four sets draw. */
export const DEMO_THINGS: readonly string[] = [
  ...["red apple", "banana", "watermelon", "strawberry", "pineapple", "lemon", "grapes", "carrot"],
  ...["pizza", "hamburger", "doughnut", "birthday cake", "ice cream", "egg", "mushroom", "avocado"],
  ...["cat face", "dog face", "panda", "fox", "lion", "frog", "penguin", "owl"],
  ...["fish", "octopus", "butterfly", "lady beetle", "turtle", "snail", "whale", "elephant"],
  ...["rose", "sunflower", "tulip", "evergreen tree", "palm tree", "cactus", "maple leaf", "fire"],
  ...[
    "star",
    "sun",
    "crescent moon",
    "rainbow",
    "cloud",
    "snowman",
    "umbrella",
    "globe showing Americas",
  ],
  ...["automobile", "bus", "rocket", "airplane", "sailboat", "bicycle", "house", "castle"],
  ...["red heart", "grinning face", "robot", "ghost", "soccer ball", "guitar", "key", "crown"],
];

/**
 * The first `count` demo things. Throws, naming things that the data lacks in one of its styles, so that a demo never trains on
 * fewer than it claims.
 */
export function chooseDemoThings(
  metadata: readonly { readonly thing: string; readonly style: string }[],
  count = DEMO_THINGS.length,
): string[] {
  if (!(Number.isInteger(count) && count > 0 && count <= DEMO_THINGS.length)) {
    throw expected(`a whole number from 1 to ${DEMO_THINGS.length}`, "count", count);
  }
  const chosen = DEMO_THINGS.slice(0, count);
  const styles = new Set(metadata.map((entry) => entry.style));
  const pairs = new Set(metadata.map((entry) => `${entry.thing}\0${entry.style}`));
  const lacking = chosen.filter((thing) =>
    [...styles].some((style) => !pairs.has(`${thing}\0${style}`)),
  );
  if (lacking.length > 0 || styles.size === 0) {
    throw new InvalidValueError(
      `Expected metadata with all demo things in every style but these lack one: ` +
        `${styles.size === 0 ? "all (the metadata is empty)" : lacking.join(", ")}`,
    );
  }
  return chosen;
}
