import { expect, it, vi } from "vitest";
import { EMOJI_STYLES, loadEmojibase, loadEmojiSet } from "./packages.ts";

it("finds drawings by code point, with or without the variation selector", () => {
  for (const style of EMOJI_STYLES) {
    const set = loadEmojiSet(style);
    expect(set.svg("1F34E", 64)).toMatchObject({ name: "red-apple" });
    expect(set.svg("2764-FE0F", 64)).toMatchObject({ name: "red-heart" });
    expect(set.svg("F0000", 64)).toBeUndefined();
    expect(set.svg("1F34E", 48)?.text).toMatch(
      /^<svg [^>]*width="48" height="48" viewBox="0 0 \d+ \d+">/,
    );
    expect(set.package).toMatch(/^@iconify-json\/[a-z-]+@\d+\.\d+\.\d+$/);
  }
});

it("names the command that installs what is missing", async () => {
  vi.resetModules();
  vi.doMock("node:module", () => ({
    createRequire: () => ({
      resolve: (path: string) => {
        throw new Error(`Cannot find module '${path}'`);
      },
    }),
  }));
  const alone = await import("./packages.ts");
  const command =
    "Install them with: npm install --save-dev @iconify-json/noto @iconify-json/openmoji " +
    "@iconify-json/twemoji @iconify-json/fluent-emoji-flat emojibase-data";
  expect(() => alone.loadEmojiSet("noto")).toThrow(
    `The emoji pictures are made from packages that are not installed: @iconify-json/noto was not found. ${command}`,
  );
  expect(() => alone.loadEmojibase()).toThrow("emojibase-data was not found");
  vi.doUnmock("node:module");
});

it("reads the labels with the names of their groups", () => {
  const { records, groups, subgroups } = loadEmojibase();
  const apple = records.find((record) => record.label === "red apple");
  expect(groups[apple?.group ?? -1]).toBe("food-drink");
  expect(subgroups[apple?.subgroup ?? -1]).toBe("food-fruit");
});
