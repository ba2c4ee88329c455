import { afterEach, expect, it, vi } from "vitest";
import { localTime } from "./local-time.ts";

afterEach(() => vi.unstubAllEnvs());

it("is that of the machine's own clock", () => {
  vi.stubEnv("TZ", "Asia/Tokyo");
  expect(localTime("2026-11-29T23:10:59.000Z")).toBe("2026-11-30 08:10");
  vi.stubEnv("TZ", "America/New_York");
  expect(localTime("2026-03-01T04:05:00.000Z")).toBe("2026-02-28 23:05");
  expect(localTime("never")).toBe("never");
});
