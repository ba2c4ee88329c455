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
  await page.getByText("emoji_full").first().waitFor();
  expect(new URL(page.url()).hash).toBe("");
});

it("asks for the key of a server that was started again with another, and takes it from its address", async () => {
  await using studio = await openStudio(browser, "/#k=first", { key: "first" });
  const { page, mock } = studio;
  await page.getByText("emoji_full").first().waitFor();
  await mock.stop();
  await page.getByText("The server does not answer.").waitFor();
  const again = await startMock({ key: "second" }, mock.port);
  try {
    await page.getByLabel("Key").waitFor();
    await page.goto(`${mock.url}/#k=second`);
    await page.getByText("emoji_full").first().waitFor();
  } finally {
    await again.stop();
  }
});

it("takes a key from an address that is opened before it has noticed that the server has another", async () => {
  await using studio = await openStudio(browser, "/#k=right", { key: "right" });
  const { page, mock } = studio;
  await page.getByText("emoji_full").first().waitFor();
  const [request] = await Promise.all([
    page.waitForRequest((one) => one.method() === "POST" && one.url().endsWith("/api/session")),
    page.goto(`${mock.url}/#k=right`),
  ]);
  expect(request.postDataJSON()).toEqual({ key: "right" });
  await page.getByText("emoji_full").first().waitFor();
  expect(new URL(page.url()).hash).toBe("");
});

it("loads a page's code again that it could not load", async () => {
  await using studio = await openStudio(browser, "/");
  const { page } = studio;
  await page.getByText("emoji_full").first().waitFor();
  let isThere = false;
  await page.route(/\/assets\/.*page/, (route) => (isThere ? route.continue() : route.abort()));
  await page.getByRole("link", { name: "Draw" }).click();
  await page.getByText("This page could not be loaded.").waitFor();
  isThere = true;
  await page.getByRole("link", { name: "Runs", exact: true }).click();
  await page.getByText("emoji_full").first().waitFor();
  await page.getByRole("link", { name: "Draw" }).click();
  await page.getByLabel("Prompt", { exact: true }).waitFor();
});

it("loads a page's code by itself once the server is back", async () => {
  await using studio = await openStudio(browser, "/");
  const { page, mock } = studio;
  await page.getByText("emoji_full").first().waitFor();
  await mock.stop();
  await page.getByRole("link", { name: "Draw" }).click();
  await page.getByRole("button", { name: "Reload" }).waitFor();
  const again = await startMock({}, mock.port);
  try {
    await page.getByLabel("Prompt", { exact: true }).waitFor({ timeout: 20_000 });
  } finally {
    await again.stop();
  }
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
