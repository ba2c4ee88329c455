import { expect, it } from "vitest";
import { runChild } from "../child.ts";

it("collects tensors without a scope, and those of a crowded one, while a loop runs, small and large", async () => {
  const { exitCode, stdout, stderr } = await runChild(new URL("unscoped.ts", import.meta.url), {
    node: ["--expose-gc"],
  });
  expect(exitCode, stderr).toBe(0);
  const found = JSON.parse(stdout) as Record<string, number>;
  // 40,000 were made in each loop. The collector comes about every 4096 lost ones.
  expect(found.unscoped).toBeLessThan(12_000);
  expect(found.crowded).toBeLessThan(16_000);
  // 1,200 of 4 MB were made in each loop. The collector comes about every 64 of them; marking takes a while.
  expect(found.large).toBeLessThan(300);
  expect(found.besideWeights).toBeLessThan(300);
  expect(found.rows).toBeLessThan(300);
  expect(found).toMatchObject({ afterLarge: 0, afterWeights: 0, afterRows: 0 });
  expect(found).toMatchObject({ afterUnscoped: 0, afterScope: 0, withKept: 5, sum: 40 });
});
