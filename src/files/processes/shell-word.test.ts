import { expect, it } from "vitest";
import { shellWord, shellWords } from "./shell-word.ts";

it("splits a command into the words that were quoted", () => {
  const words = ["train", "my runs/it's", "--gpus", "4", "a;b", "'", "\\n"];
  expect(shellWords(words.map(shellWord).join(" "))).toEqual(words);
  expect(shellWords("")).toEqual([]);
});
