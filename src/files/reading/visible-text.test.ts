import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shownLine, visible } from "./visible-text.ts";

/** Any text, rich in what steers a terminal. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        ..."\u0000\u0007\b\t\r\u001b\u007f\u0080\u009b\u009d\u202e\u2066\u2028\u2029\ud800\udfff",
        "\u001b[2K",
        "\u001b]0;title\u0007",
        "\u001b[8m",
      ),
    ),
  )
  .map((parts) => parts.join(""));
const STEERING = /(?!\n)\p{Cc}|[\u2028\u2029\u202a-\u202e\u2066-\u2069]|\p{Cs}/u;

describe("visible", () => {
  it("leaves nothing that steers a terminal", () => {
    fc.assert(
      fc.property(hostile, (text) => !STEERING.test(visible(text))),
      { numRuns: 2_000 },
    );
  });

  it("leaves JSON the same data", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(JSON.parse(visible(JSON.stringify({ [text]: [text] })))).toEqual({ [text]: [text] });
      }),
    );
  });

  it.each(["a fox\na bear", "Füchslein 狐 🦊 עברית", "👩‍👩‍👧 and 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "C:\\u001b"])(
    "leaves %j as it is",
    (text) => {
      expect(visible(text)).toBe(text);
    },
  );

  it("shows what it takes out", () => {
    expect(visible("a\u001b]0;b\u0007\u202ec\u009b\r")).toBe(
      "a\\u001b]0;b\\u0007\\u202ec\\u009b\\u000d",
    );
    expect(visible("\ud83e")).toBe("\\ud83e");
  });
});

describe("shownLine", () => {
  it("cuts a line that would bury the rest", () => {
    expect(shownLine("a".repeat(4000))).toBe("a".repeat(4000));
    expect(shownLine(`${"a".repeat(4000)}${"b".repeat(1_000_000)}`)).toBe(
      `${"a".repeat(4000)}… (1000000 more characters)`,
    );
    expect(shownLine(`${"a".repeat(3999)}🦊b`)).toBe(`${"a".repeat(3999)}… (3 more characters)`);
  });
});
