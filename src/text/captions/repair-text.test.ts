import { describe, expect, it } from "vitest";
import { repairText } from "./repair-text.ts";

// The expected texts are those of ftfy 6.3.1.
describe("repairText", () => {
  it.each([
    ["âœ” No problems", "✔ No problems"],
    ["voilÃ le travail", "voilà le travail"],
    ["itâ€™s", "it's"],
    ["cafÃ© noir", "café noir"],
    ["Ã©tÃ© à lui", "été à lui"],
    ["Â½ cup", "½ cup"],
    ["вЂ“ x", "– x"],
    ["&lt;b&gt; &eacute;", "<b> é"],
    ["<b> &eacute;", "<b> &eacute;"],
    ["“curly” ‘ʼ’", "\"curly\" '''"],
    ["ﬁne ﬅ ŉ ＦＯＸ　x", "fine ſt 'n FOX x"],
    ["a\r\nb\u2028c", "a\nb\nc"],
    ["\u001b[31mred\u001b[0m\u0007", "red"],
    ["e\u0301", "é"],
    ["half \ud800 pair", "half \ufffd pair"],
    ["plain", "plain"],
    ["", ""],
  ])("%j → %j", (text, expected) => {
    expect(repairText(text)).toBe(expected);
  });
});
