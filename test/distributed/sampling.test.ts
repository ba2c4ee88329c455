import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import { MAIN } from "../fixtures/pixart-program.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "pixart-sample-together-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** `pixart sample` of the released small model; returns the folder and what was said. */
async function sample(name: string, ...args: string[]): Promise<{ out: string; said: string }> {
  const out = join(folder, name);
  const command = [MAIN, "sample", "models/emoji-demo", ...args];
  const { stderr } = await promisify(execFile)(
    process.execPath,
    [...command, "--steps", "4", "--seed", "3", "--out", out],
    { cwd: ROOT },
  );
  return { out, said: stderr };
}

/** Largest difference of two pictures, of 255. */
async function difference(a: string, b: string): Promise<number> {
  const [one, other] = [await RgbImage.decode(a), await RgbImage.decode(b)];
  expect([one.width, one.height]).toEqual([other.width, other.height]);
  return one.data.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (other.data[i] ?? Number.NaN))),
    0,
  );
}

it("two processes share prompts, and draw what one draws", async () => {
  const prompts = ["a red apple", "a cat", "a dog"];
  const [alone, together] = [
    await sample("alone", ...prompts),
    await sample("together", ...prompts, "--gpus", "2"),
  ];
  const names = readdirSync(alone.out).toSorted();
  expect(names).toHaveLength(4); // and a sheet
  expect(readdirSync(together.out).toSorted()).toEqual(names);
  for (const name of names)
    expect(await difference(join(alone.out, name), join(together.out, name)), name).toBe(0);
  expect(together.said).toContain("3 pictures in");

  // Neither writes over a picture, and the sheet is of this command's own.
  await sample("together", "a pizza", "a cat", "a whale", "--gpus", "2");
  const later = ["a-cat-4-2.png", "a-pizza-3.png", "a-whale-5.png", "sheet-2.png"];
  expect(readdirSync(together.out).toSorted()).toEqual([...names, ...later].toSorted());
  expect(
    await difference(join(together.out, "a-cat-4.png"), join(together.out, "a-cat-4-2.png")),
  ).toBe(0);
});

it.each([
  ["all steps", []],
  ["half of the steps", ["--guidance-interval", "0,0.5"]],
  // Not shared: what it keeps is a mean of both halves.
  ["steps before T-GATE's gate", ["--gate-step", "2"]],
])("two processes draw a single picture guided in %s", async (name, options) => {
  const [alone, together] = [
    await sample(`alone, ${name}`, "a red apple", ...options),
    await sample(`together, ${name}`, "a red apple", "--gpus", "2", ...options),
  ];
  const file = "a-red-apple-3.png";
  expect(readdirSync(together.out)).toEqual([file]);
  expect(await difference(join(alone.out, file), join(together.out, file))).toBeLessThanOrEqual(1);
});
