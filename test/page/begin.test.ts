import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
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

it("checks a folder again for another base", async () => {
  await using studio = await openStudio(browser, "/new");
  const { page, mock } = studio;
  await page.getByRole("button", { name: "Check these pictures" }).click();
  await page.getByText("For training from PixArt-XL-2-512x512, at 512 px").waitFor();
  await page.getByLabel("Start from").selectOption("emoji-small");
  const bases = (): unknown[] =>
    mock.asked
      .filter(({ path }) => path === "/api/data/check")
      .map(({ body }) => (body as { base: string }).base);
  await vi.waitFor(() => expect(bases()).toEqual(["PixArt-XL-2-512x512", "emoji-small"]), 15_000);
});

it("checks a folder without pictures of its own: they may be in its folders, tables or archives", async () => {
  await using studio = await openStudio(browser, "/new");
  const { page, mock } = studio;
  await page.getByText("0 pictures").waitFor();
  await page.getByRole("button", { name: "Check these pictures" }).click();
  await page.getByRole("heading", { name: "What the folder contains" }).waitFor();
  expect(mock.asked.map(({ path, body }) => [path, (body as { folder: string }).folder])).toEqual([
    ["/api/data/check", "/home/ada/pictures"],
  ]);
});

it("reaches the other folders that the studio was given", async () => {
  await using studio = await openStudio(browser, "/new");
  const { page } = studio;
  await page.getByRole("button", { name: "grandfather" }).click();
  await page.getByText("/home/ada/pictures/grandfather").waitFor();
  await page.getByRole("button", { name: "Up" }).click();
  await page.getByRole("button", { name: "grandfather" }).waitFor();
  await page.getByRole("button", { name: "Up" }).click();
  await page.getByRole("button", { name: "/data/photos" }).waitFor();
  expect(await page.getByRole("button", { name: /Check|Up/ }).count()).toBe(0);
  await page.getByRole("button", { name: "/data/photos" }).click();
  await page.getByText("214 pictures").waitFor();
});

it("begins nothing with a key that may only look", async () => {
  await using studio = await openStudio(browser, "/new", { isViewOnly: true });
  const { page } = studio;
  await page.getByText("To check data or start runs, use a full-access key").waitFor();
  expect(await page.getByRole("button", { name: "Check these pictures" }).count()).toBe(0);
  await page.getByRole("link", { name: "Draw" }).click();
  await page.getByText("This key is read-only: it cannot draw").waitFor();
  expect(await page.getByRole("button", { name: /^Draw/ }).isDisabled()).toBe(true);
});

it("offers no change of runs where the server shows them read-only, but draws", async () => {
  await using studio = await openStudio(browser, "/new", { isReadOnly: true });
  const { page } = studio;
  await page.getByText("This server shows runs read-only").waitFor();
  expect(await page.getByRole("button", { name: "Check these pictures" }).count()).toBe(0);
  await page.goto(`${studio.mock.url}/runs/r1`);
  await page.getByRole("heading", { name: "Checkpoints" }).click();
  await page.getByRole("columnheader", { name: "Saved" }).waitFor();
  expect(await page.getByRole("button", { name: /Stop|Save now|Sample now/ }).count()).toBe(0);
  expect(await page.getByRole("button", { name: "Publish" }).count()).toBe(0);
  await page.goto(`${studio.mock.url}/draw`);
  await page.getByLabel("Prompt", { exact: true }).fill("a fox");
  expect(await page.getByRole("button", { name: /^Draw/ }).isDisabled()).toBe(false);
  await page.getByRole("link", { name: "System" }).click();
  await page.getByRole("button", { name: /^Cancel/ }).waitFor();
});
