import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openBrowser } from "./browser.ts";
import { openStudio } from "./studio-page.ts";

interface Finding {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly html: string }[];
}

const PAGES = [
  ["/", ".run-row"],
  ["/runs/r1", ".samples .picture"],
  ["/runs/r2", ".verdict"],
  ["/compare?a=r1&b=r4", ".compare-samples"],
  ["/draw?prompt=a+fox", ".draw-form textarea"],
  ["/new", ".folders"],
  ["/system", ".meters"],
] as const;
const SIZES = [390, 820, 1440];
const BAD: readonly (string | null)[] = ["serious", "critical"];

let browser: Browser;
let axe: string;
beforeAll(async () => {
  browser = await openBrowser();
  axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
});
afterAll(() => browser.close());

/** Serious findings of axe, as sentences. */
async function findings(page: Page): Promise<string[]> {
  // Evaluated, since the page's policy lets no script be added.
  await page.evaluate(`${axe}; undefined`);
  const violations = await page.evaluate<Finding[]>(
    "axe.run(document).then((result) => result.violations)",
  );
  return violations
    .filter(({ impact }) => BAD.includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join("  ")}`);
}

describe.each(SIZES)("at a width of %d", (width) => {
  it.each(PAGES)("%s fits, breaks no rule of axe in light and dark", async (address, ready) => {
    await using studio = await openStudio(
      browser,
      address,
      {},
      // Colours that are on their way to others have any contrast.
      { viewport: { width, height: 900 }, colorScheme: "light", reducedMotion: "reduce" },
    );
    const { page } = studio;
    await page.locator(ready).first().waitFor();
    const tooWide = await page.evaluate<number>(
      "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    );
    expect(tooWide).toBeLessThanOrEqual(0);
    expect(await findings(page)).toEqual([]);
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await findings(page)).toEqual([]);
    expect(studio.errors).toEqual([]);
  });
});

it("can be turned to dark and light, and stays so", async () => {
  await using studio = await openStudio(browser, "/", {}, { colorScheme: "light" });
  const { page } = studio;
  const paper = (): Promise<string> =>
    page.evaluate<string>("getComputedStyle(document.documentElement).backgroundColor");
  const light = await paper();
  await page.getByRole("button", { name: /^Theme/ }).click();
  const dark = await paper();
  expect(dark).not.toBe(light);
  await page.reload();
  await page.getByRole("button", { name: "Theme: dark. Change" }).waitFor();
  expect(await paper()).toBe(dark);
});
