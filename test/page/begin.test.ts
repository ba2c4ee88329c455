import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openBrowser } from "./browser.ts";
import { openStudio } from "./studio-page.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

it("goes from a folder over its check and the plan to a run", async () => {
  await using studio = await openStudio(browser, "/new");
  const { page, mock } = studio;
  await page.getByRole("button", { name: "grandfather" }).click();
  await page.getByRole("button", { name: "Check these pictures" }).click();
  await page.getByRole("heading", { name: "What the folder contains" }).waitFor();
  await page.getByText("IMG_0231.jpg").waitFor({ state: "attached" });
  expect(await page.locator("s").first().innerText()).toBe(
    "with a small flag at the mast, painted in 1962",
  );
  await page.getByRole("radio", { name: /One thing/ }).check();
  await page.getByRole("button", { name: "Show the plan" }).click();
  await page.getByText("1,900 steps, 71 epochs").waitFor();
  await page.getByText("3 pictures have no caption and are left out").waitFor();
  await page.getByRole("button", { name: "Start training" }).click();
  await page.getByRole("heading", { name: "emoji_full" }).waitFor();
  const started = mock.asked.filter(({ path }) => path === "/api/runs").map(({ body }) => body);
  const wanted = { goal: "subject", base: "PixArt-XL-2-512x512", minutes: 60, name: "grandfather" };
  expect(started).toEqual([
    expect.objectContaining({ ...wanted, dry: true }),
    expect.objectContaining({ ...wanted, dry: false }),
  ]);
  expect(studio.errors).toEqual([]);
});

it("begins nothing with a key that may only look", async () => {
  await using studio = await openStudio(browser, "/new", { isViewOnly: true });
  const { page } = studio;
  await page.getByText("To check data or start runs, open the address").waitFor();
  expect(await page.getByRole("button", { name: "Check these pictures" }).count()).toBe(0);
});
