import { describe, expect, it } from "vitest";
import { InvalidValueError } from "../../../errors/index.ts";
import { pythonPattern } from "./python-pattern.ts";

const names = [
  "to_q",
  "TO_Q",
  "blocks.0.attn1.to_q",
  "a]b",
  "a{b",
  "aab",
  "aa",
  "a-b",
  "ab",
  "aba",
];

/** What `re.fullmatch` of Python 3.11 finds among them. */
const found: readonly (readonly [pattern: string, names: readonly string[]])[] = [
  ["(?i)to_q", ["to_q", "TO_Q"]],
  ["(?ai)TO_Q", ["to_q", "TO_Q"]],
  ["to_q\\Z", ["to_q"]],
  ["\\Ato_q", ["to_q"]],
  ["(?m)^to_q$", ["to_q"]],
  [".*\\.attn\\d\\.to\\_[qk]", ["blocks.0.attn1.to_q"]],
  ["to(?#queries)_q", ["to_q"]],
  ["(?P<n>a)b(?P=n)", ["aba"]],
  ["(a)b\\1", ["aba"]],
  ["(?P<x>to)_(?P<y>q|k)", ["to_q"]],
  ["a{,2}", ["aa"]],
  ["a{,}b", ["aab", "ab"]],
  ["a{b", ["a{b"]],
  ["a]b", ["a]b"]],
  ["a[]]b", ["a]b"]],
  ["a[^]]b", ["a{b", "aab", "a-b"]],
  ["a[\\]\\-]b", ["a]b", "a-b"]],
  ["a\\-b", ["a-b"]],
  ["a[[a]b", ["aab"]],
  ["a|aab", ["aab"]],
  ["a+?b", ["aab", "ab"]],
  ["\\x74o_q", ["to_q"]],
  ["\\U00000074o_q", ["to_q"]],
  ["(?<=a)b|ab(?!a)", ["ab"]],
];

describe("pythonPattern", () => {
  it.each(found)("takes %s as Python does", (pattern, expected) => {
    const compiled = pythonPattern(pattern, "targetModules");
    expect(names.filter((name) => compiled.test(name))).toEqual(expected);
  });

  it.each([
    ["a++b", "the possessive quantifier ++ has no counterpart"],
    ["a{1}+", "the possessive quantifier {1}+ has no counterpart"],
    ["(?>a)b", "(?>a… has no counterpart"],
    ["(?(1)a|b)", "(?(1… has no counterpart"],
    ["(?i:a)b", "(?i:… has no counterpart"],
    ["(?x) a b", "the flag x has no counterpart"],
    ["(?<n>a)b", "(?<n… has no counterpart"],
    ["\\p{L}", "\\p has no counterpart"],
    ["a\\07", "\\0 has no counterpart"],
    ["[a", "a class without an end"],
    ["to_(q", "Unterminated group"],
    ["a{2,1}", "numbers out of order in {} quantifier"],
  ])("refuses %s", (pattern, reason) => {
    expect(() => pythonPattern(pattern, "targetModules")).toThrow(
      new InvalidValueError(
        `Expected a Python regular expression with a counterpart in JavaScript for targetModules but received ${JSON.stringify(pattern)}: ${reason}`,
      ),
    );
  });
});
