import { describe, expect, it } from "vitest";
import { withoutKey } from "./hide-key.ts";

const key = "sk-proj-Ab3xYz9QwErTy77";
const hidden = (words: string): string =>
  withoutKey(words, key, ["meta-llama/Llama-3.2-11B-Vision"]);

describe("withoutKey", () => {
  it.each([
    ["as it is", key],
    ["with other marks", key.replaceAll("-", "_")],
    ["without marks", key.replaceAll("-", "")],
    ["in capitals", key.toUpperCase()],
    ["in part", `${key.slice(0, 14)}***`],
    ["its end", `***${key.slice(-8)}`],
    ["encoded for an address", encodeURIComponent(key).replaceAll("-", "%2D")],
    ["in base64", Buffer.from(`user:${key}`).toString("base64")],
    ["inside of other words", `key=${key};`],
    ["another token", "0123456789abcdef0123456789abcdef"],
  ])("hides it %s", (_, written) => {
    const shown = hidden(`Incorrect API key provided: ${written}. See the docs.`);
    expect(shown).toMatch(/^Incorrect API key provided: .{0,10} See the docs\.$/);
    expect(shown.replace(/[^a-z\d]/gi, "")).not.toContain(written.replace(/[^a-z\d]/gi, ""));
  });

  it("leaves what is to be read", () => {
    const words =
      "The model meta-llama/Llama-3.2-11B-Vision does not exist at https://api.example.com/v1/chat/completions (see internationalization-and-localization).";
    expect(hidden(words)).toBe(words);
  });

  it("leaves all where the key has nothing to tell it by", () => {
    expect(withoutKey("no such model", "---", [])).toBe("no such model");
  });
});
