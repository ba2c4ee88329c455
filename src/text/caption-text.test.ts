import { describe, expect, it } from "vitest";
import { captionText } from "./caption-text.ts";

describe("captionText", () => {
  it("takes white space off the ends and leaves all else", () => {
    expect(captionText(" \u00a0a fox\r\n")).toBe("a fox");
    expect(captionText("👩\u200d🚀\ufe0f\u200b")).toBe("👩\u200d🚀\ufe0f\u200b");
  });

  it.each(["", " \n", "\u200b", "\ufeff", "\u200c\u2060 \u00ad", "\u3164", "\u2800", "\u3000"])(
    "finds no caption in %j",
    (text) => {
      expect(captionText(text)).toBeUndefined();
    },
  );
});
