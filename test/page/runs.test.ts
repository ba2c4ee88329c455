import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { openBrowser } from "./browser.ts";
import { openStudio } from "./studio-page.ts";

/** Two cores may be busy with other things. */
const PATIENT = { timeout: 15_000 };

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

describe("the list of runs", () => {
  it("has every state, those that go on first", async () => {
    await using studio = await openStudio(browser, "/");
    const rows = studio.page.locator(".run-row");
    await rows.first().waitFor();
    const texts = await rows.allInnerTexts();
    expect(texts.map((text) => text.split("\n")[0])).toEqual([
      "emoji_full",
      "watercolours-of-grandfather",
      "museum-xl",
      "demo",
      "fox-lora",
      "sigma-trial",
    ]);
    expect(texts[0]).toContain("alignment 1,240 of 3,000");
    expect(texts[0]).toContain("18 min left");
    expect(texts[1]).toContain("encoding captions 1,120 of 6,000");
    expect(texts[2]).toContain("running elsewhere");
  });

  it("suggests the demo where nothing was trained yet", async () => {
    await using studio = await openStudio(browser, "/", { isEmpty: true });
    await studio.page.getByText("npx pixart demo").waitFor();
  });

  it("compares two that are ticked", async () => {
    await using studio = await openStudio(browser, "/");
    const { page } = studio;
    await page.getByLabel("Compare emoji_full").check();
    await page.getByLabel("Compare demo").check();
    await page.getByRole("link", { name: "Compare the two" }).click();
    await page.getByRole("heading", { name: "What differs" }).waitFor();
    await page.getByText("optimizer.lr").waitFor();
    expect(new URL(page.url()).search).toBe("?a=r1&b=r4");
    expect(studio.errors).toEqual([]);
  });
});

describe("a run", () => {
  it("gives a report to keep", async () => {
    await using studio = await openStudio(browser, "/runs/latest");
    const [download] = await Promise.all([
      studio.page.waitForEvent("download"),
      studio.page.getByRole("link", { name: "Report" }).click(),
    ]);
    expect(new URL(download.url()).pathname).toBe("/api/runs/r1/report");
  });

  it("says first whether it learns, and shows a step within two seconds", async () => {
    await using studio = await openStudio(browser, "/runs/latest");
    const { page, mock } = studio;
    await page.getByText("Learning: held-out loss fell 3 %").waitFor();
    await page.getByRole("figure", { name: "Loss", exact: true }).waitFor();
    await vi.waitFor(() => expect(mock.streams.watched).toEqual(["r1"]), 15_000);
    mock.step();
    await page.getByText("alignment 1,241").waitFor({ timeout: 2000 });
  });

  it("is looked at from before it has a folder, and can be asked for things once it has", async () => {
    await using studio = await openStudio(browser, "/runs/r1", { isStarting: true });
    const { page, mock } = studio;
    await page.getByText("It is about to start.").waitFor();
    await vi.waitFor(() => expect(mock.streams.watched).toEqual(["r1"]), 15_000);
    expect(await page.getByRole("button", { name: "Sample now" }).count()).toBe(0);
    mock.step();
    await page.getByRole("button", { name: "Sample now" }).click();
    await page.getByText("Requested: samples after this step.").waitFor();
    await page.getByRole("figure", { name: "Loss", exact: true }).waitFor();
    await page.getByLabel("Step of the samples").waitFor();
    expect(studio.errors).toEqual([]);
  });

  it("goes through its samples by keys, and a mark shows those of its step", async () => {
    await using studio = await openStudio(browser, "/runs/r1");
    const { page } = studio;
    const slider = page.getByLabel("Step of the samples");
    await slider.focus();
    expect(await slider.getAttribute("aria-valuetext")).toBe("step 1,200");
    await page.keyboard.press("ArrowLeft");
    await page.getByText("step 1,000", { exact: true }).waitFor();
    await page.getByRole("button", { name: "400 Resumed after step 400" }).click();
    await page.getByText("step 400", { exact: true }).waitFor();
  });

  it("keeps its zoom while steps come", async () => {
    await using studio = await openStudio(browser, "/runs/r1");
    const { page, mock } = studio;
    const plot = page.getByRole("figure", { name: "Loss", exact: true }).locator(".u-over");
    const box = await plot.boundingBox();
    if (box === null) throw new Error("Expected a plot");
    await page.mouse.move(box.x + box.width * 0.4, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 60, { steps: 5 });
    await page.mouse.up();
    const unzoom = page.getByRole("button", { name: "Show all" });
    await unzoom.waitFor();
    for (let i = 0; i < 5; i++) mock.step();
    await page.getByText("alignment 1,245").waitFor();
    expect(await unzoom.isVisible()).toBe(true);
    await unzoom.click();
    await unzoom.waitFor({ state: "detached" });
    expect(studio.errors).toEqual([]);
  });

  it("has its curves as tables for who doesn't see them", async () => {
    await using studio = await openStudio(browser, "/runs/r1");
    const table = studio.page.getByRole("table", { name: "Loss: held out" });
    await table.waitFor();
    expect(await table.getByRole("row").count()).toBe(13);
  });

  it("shows prompts by steps, and the picture's seed to draw it with", async () => {
    await using studio = await openStudio(browser, "/runs/r1");
    const { page } = studio;
    await page.getByRole("radio", { name: "matrix" }).check();
    const cell = page.getByRole("button", { name: "a fox, noto style, step 800" });
    await cell.click();
    await page.getByRole("link", { name: "Draw this" }).click();
    await page.getByLabel("Prompt", { exact: true }).waitFor();
    expect(await page.getByLabel("Prompt", { exact: true }).inputValue()).toBe("a fox, noto style");
    expect(await page.getByLabel(/^Seed/).inputValue()).toBe("8");
  });

  it("keeps an opened sample with its step while new ones come, and turns from there", async () => {
    await using studio = await openStudio(browser, "/runs/r1");
    const { page, mock } = studio;
    const prompt = "a fox, noto style";
    await page.getByRole("button", { name: prompt }).click();
    const dialog = page.getByRole("dialog", { name: prompt });
    const step = dialog.locator("dd").first();
    const thumbs = dialog.getByRole("list").getByRole("img");
    expect([await step.innerText(), await thumbs.count()]).toEqual(["1,200", 7]);
    await vi.waitFor(() => expect(mock.streams.watched).toEqual(["r1"]), 15_000);
    while (mock.step() < 1400);
    mock.streams.send("sample", { id: "r1", stage: "alignment", step: 1400 });
    await expect.poll(() => thumbs.count(), PATIENT).toBe(8);
    expect(await step.innerText()).toBe("1,200");
    const shown = dialog.locator('[aria-current="true"] img');
    expect(await shown.getAttribute("alt")).toBe("Step 1,200");
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => step.innerText(), PATIENT).toBe("1,400");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => step.innerText(), PATIENT).toBe("1,000");
  });

  it("offers to draw with the checkpoints that can draw, where runs are among the models", async () => {
    for (const isReadOnly of [false, true]) {
      await using studio = await openStudio(browser, "/runs/r1", { isReadOnly });
      const { page } = studio;
      await page.getByRole("heading", { name: "Checkpoints" }).click();
      await page.getByText("5 checkpoints").first().waitFor();
      await page.getByRole("cell", { name: "pretraining" }).waitFor();
      const links = page.getByRole("link", { name: /^Draw with step / });
      expect(await links.count()).toBe(isReadOnly ? 0 : 4);
      if (isReadOnly) continue;
      const address = "/draw?run=r1&stage=alignment&step=1000";
      expect(await links.nth(1).getAttribute("href")).toBe(address);
      await links.nth(1).click();
      await expect.poll(() => page.getByLabel(/^Model/).inputValue(), PATIENT).toBe("r1-1000");
    }
  });

  it("stops only when that is meant", async () => {
    await using studio = await openStudio(browser, "/runs/r1");
    const { page, mock } = studio;
    await page.getByRole("button", { name: "Stop after saving" }).click();
    const dialog = page.getByRole("dialog", { name: "Stop this run?" });
    await dialog.getByRole("button", { name: "Let it run" }).click();
    await dialog.waitFor({ state: "detached" });
    expect(mock.asked).toEqual([]);
    await page.getByRole("button", { name: "Stop after saving" }).click();
    await dialog.getByRole("button", { name: "Stop after saving" }).click();
    await page.getByText("Requested: save, then stop.").waitFor();
    expect(mock.asked).toEqual([{ path: "/api/runs/r1/control", body: { do: "stop" } }]);
  });

  it("behind a key that may only look has no buttons that change it", async () => {
    await using studio = await openStudio(browser, "/runs/r1", { isViewOnly: true });
    const { page } = studio;
    await page.getByRole("heading", { name: "emoji_full" }).waitFor();
    expect(await page.getByRole("button", { name: /Stop|Save now|Sample now/ }).count()).toBe(0);
  });

  it("elsewhere takes requests too", async () => {
    await using studio = await openStudio(browser, "/runs/r3");
    const { page, mock } = studio;
    await page.getByText("process 4711 on gpu-box-2").waitFor();
    await page.getByRole("button", { name: "Save now" }).click();
    await page.getByText("Requested: save after this step.").waitFor();
    expect(mock.asked).toEqual([{ path: "/api/runs/r3/control", body: { do: "save" } }]);
  });

  it("that was interrupted says how to continue", async () => {
    await using studio = await openStudio(browser, "/runs/r5");
    const { page, mock } = studio;
    await page.getByText("--resume work_dirs/fox-lora").waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByText("Resumed.").waitFor();
    expect(mock.asked).toEqual([{ path: "/api/runs/r5/resume", body: {} }]);
  });

  it("that has done no step says what it does", async () => {
    await using studio = await openStudio(browser, "/runs/r2");
    await studio.page.getByText("encoding captions").first().waitFor();
    await studio.page.getByText("The curve appears after the first step.").waitFor();
  });

  it("whose data are elsewhere shows its worst pictures by name, and why", async () => {
    await using studio = await openStudio(browser, "/runs/r3");
    const { page } = studio;
    await page.getByRole("heading", { name: "Worst pictures" }).click();
    await page.getByText("The data folder /data/museum is not on this machine").waitFor();
    await page.getByText("noto/fox.png").waitFor();
    await page.getByText("2.1 σ above usual").waitFor();
  });
});
