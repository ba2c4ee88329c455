import { expect, it, vi } from "vitest";
import own from "../../../package.json" with { type: "json" };
import { EMOJI_STYLES, loadEmojibase, loadEmojiSet } from "./packages.ts";

const devDependencies: Readonly<Record<string, string>> = own.devDependencies;

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

it("names the command that installs what is missing, as it is tested", async () => {
  vi.resetModules();
  vi.doMock("node:module", () => ({
    createRequire: () => ({
      resolve: (path: string) => {
        throw new Error(`Cannot find module '${path}'`);
      },
    }),
  }));
  const alone = await import("./packages.ts");
  const packages = ["noto", "openmoji", "twemoji", "fluent-emoji-flat"]
    .map((name) => `@iconify-json/${name}`)
    .map((name) => `${name}@${devDependencies[name]}`);
  const labels = `emojibase-data@${devDependencies["emojibase-data"]}`;
  const command = `Install them with: npm install --save-dev ${[...packages, labels].join(" ")}`;
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
