import { describe, expect, it } from "vitest";
import { UnpackedGroups } from "./unpacked-groups.ts";

/** Reads groups by name, ten bytes each, and records which were unpacked. */
function reading(groups: UnpackedGroups): {
  unpacked: string[];
  read: (name: string) => Promise<unknown>;
} {
  const unpacked: string[] = [];
  const read = (name: string): Promise<unknown> =>
    groups.rows(name, async () => {
      unpacked.push(name);
      return [{ image: { bytes: new Uint8Array(10), path: null } }];
    });
  return { unpacked, read };
}

describe("UnpackedGroups", () => {
  it("keeps the most recently used groups of all files, up to a number of bytes", async () => {
    const { unpacked, read } = reading(new UnpackedGroups({ bytes: 30, least: 1 }));
    for (const name of ["a", "b", "c", "a", "d"]) await read(name);
    expect(unpacked).toEqual(["a", "b", "c", "d"]);
    for (const name of ["a", "c", "d"]) await read(name);
    expect(unpacked).toEqual(["a", "b", "c", "d"]);
    await read("b");
    expect(unpacked).toEqual(["a", "b", "c", "d", "b"]);
  });

  it("keeps the two that are read in turn, however large", async () => {
    const { unpacked, read } = reading(new UnpackedGroups({ bytes: 5, least: 2 }));
    for (const name of ["a", "b", "a", "b", "c", "a"]) await read(name);
    expect(unpacked).toEqual(["a", "b", "c", "a"]);
  });

  it("unpacks a group once for all that ask for it meanwhile", async () => {
    const { unpacked, read } = reading(new UnpackedGroups({ bytes: 5, least: 1 }));
    await Promise.all(["a", "a", "a"].map(read));
    expect(unpacked).toEqual(["a"]);
  });

  it("remembers a failure only for the rows read next", async () => {
    const groups = new UnpackedGroups({ bytes: 100, least: 2 });
    const { read } = reading(groups);
    let attempts = 0;
    const failing = (): Promise<unknown> =>
      groups.rows("damaged", () => {
        attempts += 1;
        return Promise.reject(new RangeError("damaged"));
      });
    for (let row = 0; row < 3; row += 1) await expect(failing()).rejects.toThrow("damaged");
    expect(attempts).toBe(1);
    for (const name of ["a", "b", "c"]) await read(name);
    await expect(failing()).rejects.toThrow("damaged");
    expect(attempts).toBe(2);
  });
});
