import { hostname } from "node:os";
import { expect, it } from "vitest";
import { runFacts, withoutSecrets } from "./run-facts.ts";

it("tells what a process trains with", () => {
  const { versions, ...facts } = runFacts("cpu");
  expect(facts).toMatchObject({ device: "cpu", host: hostname(), cwd: process.cwd() });
  expect(facts.threads).toBeGreaterThan(0);
  expect(facts.argv).toHaveLength(process.argv.length);
  expect(Object.keys(versions)).toEqual(["pixart", "node", "torch"]);
  for (const version of Object.values(versions)) expect(version).toMatch(/^\d+\.\d+/);
});

it.each([
  ["--token=hf_abcdefghijklmnop", "--token=hf_…"],
  ["sk-proj-12345678", "sk-…"],
  ["https://me:word@hub.example/x", "https://…@hub.example/x"],
  ["/tmp/half_done-2026/task-12345678", "/tmp/half_done-2026/task-12345678"],
])("writes %s as %s", (word, shown) => {
  expect(withoutSecrets(word)).toBe(shown);
});
