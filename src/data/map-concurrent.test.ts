import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { mapConcurrent } from "./map-concurrent.ts";

describe("mapConcurrent", () => {
  it("keeps the order and never has more than the limit under way", async () => {
    let now = 0;
    let most = 0;
    const results = await mapConcurrent([5, 1, 4, 2, 3], 2, async (ms, index) => {
      now += 1;
      most = Math.max(most, now);
      await wait(ms);
      now -= 1;
      return `${index}:${ms}`;
    });
    expect(results).toEqual(["0:5", "1:1", "2:4", "3:2", "4:3"]);
    expect(most).toBe(2);
  });

  it("rejects with the first failure", async () => {
    const call = async (item: number): Promise<number> => {
      if (item === 2) throw new Error("two");
      return item;
    };
    await expect(mapConcurrent([1, 2, 3], 2, call)).rejects.toThrow("two");
    expect(await mapConcurrent([], 2, call)).toEqual([]);
  });

  it("has nothing under way when it rejects", async () => {
    const ended: number[] = [];
    const call = async (item: number): Promise<void> => {
      if (item === 1) throw new Error("one");
      await wait(20);
      ended.push(item);
    };
    await expect(mapConcurrent([1, 2, 3], 2, call)).rejects.toThrow("one");
    expect(ended).toEqual([2]);
  });
});
