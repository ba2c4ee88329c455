import { expect, it } from "vitest";
import { runChild } from "../child.ts";

it("lives through random arguments to every native function and operator", async () => {
  const script = new URL("random-arguments.ts", import.meta.url);
  const { exitCode, signal, stdout, stderr } = await runChild(script, { args: ["300", "1"] });
  expect({ exitCode, signal }, stderr.slice(-2000)).toEqual({ exitCode: 0, signal: undefined });
  const { returned, threw } = JSON.parse(stdout) as { returned: number; threw: number };
  // Both happen often, or the arguments were not worth trying.
  expect(returned).toBeGreaterThan(3000);
  expect(threw).toBeGreaterThan(10_000);
});
