import { describe, expect, it } from "vitest";
import { agoText, momentText } from "./times.ts";

const at = (day: number, hour: number, minute: number): Date =>
  new Date(2026, 10, day, hour, minute);
const now = at(18, 20, 0); // a Wednesday

describe("momentText", () => {
  it.each([
    [at(18, 17, 32), "17:32"],
    [at(17, 23, 59), "yesterday 23:59"],
    [at(19, 1, 5), "tomorrow 01:05"],
    [at(14, 9, 0), "Sat 09:00"],
    [at(2, 9, 0), "2 Nov 2026"],
  ])("%s", (time, text) => {
    expect(momentText(time.toISOString(), now).replace(",", "")).toBe(text);
  });
});

it("says how long ago something was", () => {
  const ago = (time: Date): string => agoText(time.toISOString(), now);
  expect(ago(at(18, 20, 0))).toBe("just now");
  expect(ago(at(18, 19, 58))).toBe("2 min ago");
  expect(ago(at(18, 16, 30))).toBe("3 h ago");
  expect(ago(at(17, 20, 0))).toBe("yesterday 20:00");
});
