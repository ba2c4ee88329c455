import { describe, expect, it } from "vitest";
import { readChatAnswer, shortened } from "./chat-answer.ts";

const answer = (content: unknown, finish = "stop", more: object = {}): string =>
  JSON.stringify({ choices: [{ finish_reason: finish, message: { content } }], ...more });

describe("readChatAnswer", () => {
  it("takes the text of an answer, of its parts, and not what the model thought", () => {
    expect(readChatAnswer("here", answer(" A fox.\n"))).toEqual({
      caption: "A fox.",
      cut: false,
      tokens: undefined,
    });
    const parts = [{ type: "text", text: "A " }, { type: "image" }, { type: "text", text: "fox." }];
    expect(readChatAnswer("here", answer(parts)).caption).toBe("A fox.");
    const thought = answer("<think>a cat?\n</think>\n\nA fox in <think> tags.", "length", {
      usage: { total_tokens: 12 },
    });
    expect(readChatAnswer("here", thought)).toEqual({
      caption: "A fox in <think> tags.",
      cut: true,
      tokens: 12,
    });
  });

  it.each(["null", "[]", "{}", '{"choices": []}', '{"choices": [{"message": null}]}', "3"])(
    "says that %s is no completion",
    (body) => {
      expect(() => readChatAnswer("here", body)).toThrow(
        `here: expected a chat completion but received ${body}; check the endpoint's address`,
      );
    },
  );
});

describe("shortened", () => {
  it("makes one short line of anything", () => {
    expect(shortened(" a\r\n\tb\u0007\u202ec ")).toBe("a b c");
    expect(shortened("x".repeat(300))).toBe(`${"x".repeat(200)}…`);
  });
});
