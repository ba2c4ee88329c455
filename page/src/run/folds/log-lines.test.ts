import { expect, it } from "vitest";
import { NO_LOG, withPart } from "./log-lines.ts";

const part = (source: string, next: number, ...lines: string[]) => ({ source, next, lines });

it("adds what follows, and begins anew with another file", () => {
  const first = withPart(NO_LOG, part("a", 12, "one", "two"));
  expect(first).toEqual({ source: "a", next: 12, lines: ["one", "two"] });
  const second = withPart(first, part("a", 18, "three"));
  expect(second.lines).toEqual(["one", "two", "three"]);
  expect(withPart(second, part("a", 18))).toBe(second);
  expect(withPart(second, part("b", 4, "new"))).toEqual({ source: "b", next: 4, lines: ["new"] });
});

it("keeps the newest lines", () => {
  const lines = Array.from({ length: 1500 }, (_, i) => String(i));
  const all = withPart(withPart(NO_LOG, part("a", 1, ...lines)), part("a", 2, ...lines));
  expect(all.lines).toHaveLength(2000);
  expect(all.lines.at(-1)).toBe("1499");
});
