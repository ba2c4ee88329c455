import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startMock } from "../../page/mock/start-mock.ts";
import { openBrowser, openHiddenTabs } from "./browser.ts";
import { openStudio } from "./studio-page.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

it("keeps what it shows while the server is gone, and goes on by itself when it is back", async () => {
  await using studio = await openStudio(browser, "/runs/r1");
  const { page, mock } = studio;
  await page.getByText("alignment 1,240").waitFor();
  await mock.stop();
  await page.getByText("The server does not answer.").waitFor();
  expect(await page.getByText("alignment 1,240").isVisible()).toBe(true);
  const again = await startMock({}, mock.port);
  try {
    await page
      .getByText("The server does not answer.")
      .waitFor({ state: "detached", timeout: 20_000 });
    again.step();
    await page.getByText("alignment 1,241").waitFor();
  } finally {
    await again.stop();
  }
});

it("asks for the key, and takes that of the terminal's address out of the address", async () => {
  await using studio = await openStudio(browser, "/", { key: "right" });
  const { page, mock } = studio;
  await page.getByLabel("Key").fill("wrong");
  await page.getByRole("button", { name: "Open the studio" }).click();
  await page.getByText("This is not the key").waitFor();
  await page.goto(`${mock.url}/#k=right`);
  await page.reload();
  await page.getByText("emoji_full").first().waitFor();
  expect(new URL(page.url()).hash).toBe("");
});

it("is answered in a seventh tab while six others are hidden", async () => {
  await using studio = await openStudio(browser, "/");
  const { page, mock } = studio;
  await page.getByText("emoji_full").first().waitFor();
  const hidden = await openHiddenTabs(page.context(), `${mock.url}/runs/r1`);
  for (const tab of hidden) await tab.getByText("emoji_full").first().waitFor();
  expect(mock.streams.watched).toEqual([""]);
  mock.step();
  await page.getByText("alignment 1,241").waitFor({ timeout: 2000 });
});
