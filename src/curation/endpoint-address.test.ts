import { describe, expect, it } from "vitest";
import { endpointAddress, keyFrom, shownAddress } from "./endpoint-address.ts";

describe("endpointAddress", () => {
  it.each([
    ["http://localhost:8000/v1", "http://localhost:8000/v1/chat/completions"],
    ["http://localhost:11434/v1/", "http://localhost:11434/v1/chat/completions"],
    ["http://localhost:8080", "http://localhost:8080/v1/chat/completions"],
    ["https://a.test/openai/v1/chat/completions", "https://a.test/openai/v1/chat/completions"],
    ["https://a.test/x?api-version=2#y", "https://a.test/x/chat/completions?api-version=2"],
  ])("takes %s", (given, address) => {
    expect(endpointAddress(given).href).toBe(address);
  });

  it("refuses what is no address, and never shows what may be secret", () => {
    for (const given of ["localhost:8000", "llava", "file:///x"]) {
      expect(() => endpointAddress(given)).toThrow(
        `Expected an address such as http://localhost:8000/v1 for endpoint but received "${given}"`,
      );
    }
    expect(() => endpointAddress("https://me:secret@a.test/v1")).toThrow(
      /^Expected an address without user name and password for endpoint but received one for a\.test that has them; give a key through an environment variable$/,
    );
    expect(shownAddress(new URL("https://a.test/v1?key=secret"))).toBe("https://a.test/v1");
  });
});

describe("keyFrom", () => {
  it("reads a key without the blanks round it", () => {
    expect(keyFrom("KEY", { KEY: " sk-1\n" })).toBe("sk-1");
  });

  it("names the variable, and never shows the key", () => {
    expect(() => keyFrom("KEY", {})).toThrow(
      "Expected a key in the environment variable KEY but it is not set",
    );
    expect(() => keyFrom("KEY", { KEY: " " })).toThrow(
      "Expected a key in the environment variable KEY but it is empty",
    );
    expect(() => keyFrom("KEY", { KEY: "sk 1" })).toThrow(
      /^Expected one word of plain ASCII in the environment variable KEY but it contains spaces or other characters$/,
    );
  });
});
