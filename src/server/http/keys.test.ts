import { afterEach, describe, expect, it, vi } from "vitest";
import { Keys } from "./keys.ts";

afterEach(() => {
  vi.useRealTimers();
});

describe("keys", () => {
  const keys = new Keys(["all"], ["look"]);

  it("are told apart, and from what is none", () => {
    expect(keys.holderOf("all")?.canControl).toBe(true);
    expect(keys.holderOf("look")?.canControl).toBe(false);
    expect(keys.holderOf("al")).toBeUndefined();
    expect(keys.holderOf("all")?.name).not.toBe(keys.holderOf("look")?.name);
    expect([keys.isNeeded, new Keys([]).isNeeded]).toEqual([true, false]);
  });

  it("open sessions that are theirs, end by themselves, and can't be made by others", () => {
    const { session = "" } = keys.openSession("look") ?? {};
    expect(keys.sessionHolder(session)).toBe(keys.holderOf("look"));
    // The server of tomorrow with the same keys knows it.
    expect(new Keys([], ["look"]).sessionHolder(session)?.canControl).toBe(false);
    expect(new Keys(["all"]).sessionHolder(session)).toBeUndefined();
    const [ends = "", nonce, signed] = session.split(".");
    for (const other of [
      `${Number(ends) + 1}.${nonce}.${signed}`,
      `${ends}.${nonce}.`,
      `${ends}.${nonce}x.${signed}`,
      signed ?? "",
      "",
    ])
      expect(keys.sessionHolder(other), other).toBeUndefined();
    expect(keys.openSession("wrong")).toBeUndefined();
    vi.useFakeTimers({ now: 1000 * Number(ends) + 1 });
    expect(keys.sessionHolder(session)).toBeUndefined();
  });
});
