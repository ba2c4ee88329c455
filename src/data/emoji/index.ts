/**
 * The embedded dataset: four open emoji sets rendered into an image folder with captions.
 * @module
 */
export { chooseDemoThings, DEMO_THINGS } from "./demo-things.ts";
export { EMOJI_STYLES, type EmojiStyle } from "./packages.ts";
export type { EmojiRecord } from "./record.ts";
export { type EmojiDataset, type RenderEmojiOptions, renderEmojiDataset } from "./render.ts";
export { HELD_OUT_SHARE } from "./split.ts";
