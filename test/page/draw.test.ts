import { readFile } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { drawnPng } from "../../page/mock/mock-pictures.ts";
import { openBrowser } from "./browser.ts";
import { openStudio } from "./studio-page.ts";

const QUICK = { stepMs: 8 };

/** Two cores may be busy with other things. */
const PATIENT = { timeout: 15_000 };

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

const prompt = (page: Page): ReturnType<Page["getByLabel"]> =>
  page.getByLabel("Prompt", { exact: true });
const seed = (page: Page): ReturnType<Page["getByLabel"]> => page.getByLabel(/^Seed/);

it("draws by keyboard alone, shows each step, and keeps the pictures over a reload", async () => {
  await using studio = await openStudio(browser, "/draw", { stepMs: 40 });
  const { page } = studio;
  await prompt(page).focus();
  await page.keyboard.type("a fox, noto style");
  await page.keyboard.press("Control+Enter");
  await page.getByText(/step \d+ of 20/).waitFor();
  await page.getByAltText("A preview").first().waitFor();
  await page.getByRole("heading", { name: "a fox, noto style" }).waitFor();
  expect(await page.locator(".shown .drawn-grid li").count()).toBe(4);
  await page.reload();
  await page.getByRole("heading", { name: "a fox, noto style" }).waitFor();
  expect(await prompt(page).inputValue()).toBe("a fox, noto style");
  expect(await page.locator(".history li").count()).toBe(4);
  expect(studio.errors).toEqual([]);
});

it("goes on with what was begun when the page is loaded anew", async () => {
  await using studio = await openStudio(browser, "/draw?prompt=a+fox", { stepMs: 400 });
  const { page } = studio;
  await page.getByRole("button", { name: /^Draw/ }).click();
  await page.getByText(/step \d+ of 20/).waitFor();
  await page.reload();
  await page.getByText(/step \d+ of 20/).waitFor();
  await page.getByRole("heading", { name: "a fox" }).waitFor();
  expect(await page.locator(".history li").count()).toBe(4);
});

it("is cancelled by Escape", async () => {
  await using studio = await openStudio(browser, "/draw?prompt=a+fox", { stepMs: 200 });
  const { page } = studio;
  await page.getByRole("button", { name: /^Draw/ }).click();
  await page.getByText(/step \d+ of 20/).waitFor();
  const cancelled = page.waitForRequest((request) => request.method() === "DELETE");
  await page.keyboard.press("Escape");
  await page.getByText(/step \d+ of 20/).waitFor({ state: "detached" });
  expect((await cancelled).url()).toMatch(/\/v1\/jobs\/job_1$/);
});

it("leaves connections to other tabs however many drawings wait", async () => {
  await using studio = await openStudio(browser, "/draw?prompt=a+fox", { stepMs: 3000 });
  const { page, mock } = studio;
  await page.getByRole("button", { name: /^Draw/ }).waitFor();
  for (let count = 1; count <= 7; count++) {
    await page.keyboard.press("Control+Enter");
    await expect.poll(() => page.locator(".card.drawing").count(), PATIENT).toBe(count);
  }
  await page
    .getByText(/step \d+ of 20/)
    .first()
    .waitFor();
  const other = await page.context().newPage();
  await other.goto(`${mock.url}/runs/r1`, PATIENT);
  await other.getByText("alignment 1,240").waitFor(PATIENT);
});

it("draws with the seed that is kept, and tells what the server refuses", async () => {
  await using studio = await openStudio(browser, "/draw?prompt=a+fox&seed=41&size=7x7", QUICK);
  const { page } = studio;
  await page.getByRole("button", { name: /^Draw/ }).click();
  await page.getByText("Expected a size of at least 64x64").waitFor();
  const asked = page.waitForRequest((request) => request.url().endsWith("/v1/images/generations"));
  await page.getByLabel("Size").selectOption("512x512");
  await page.getByRole("button", { name: /^Draw/ }).click();
  expect((await asked).postDataJSON()).toMatchObject({ seed: 41, size: "512x512", n: 4 });
  await page.getByText("seed 41").waitFor();
});

it("says that the model is gone while the page is open, and draws with the one it shows", async () => {
  await using studio = await openStudio(browser, "/draw?prompt=a+fox&model=r1-800", QUICK);
  const { page, mock } = studio;
  const model = page.getByLabel(/^Model/);
  expect(await model.inputValue()).toBe("r1-800");
  mock.lost.add("r1-800");
  await vi.waitFor(() => expect(mock.streams.watched).toHaveLength(1), 15_000);
  mock.streams.send("runs", {});
  const note = "emoji_full at 800 is not available; emoji-demo is selected instead.";
  await page.getByText(note).waitFor();
  const asked = page.waitForRequest((request) => request.url().endsWith("/v1/images/generations"));
  await page.getByRole("button", { name: /^Draw/ }).click();
  expect((await asked).postDataJSON()).toMatchObject({ model: await model.inputValue() });
});

it("takes settings from a PNG that was drawn here, and begins from any other picture", async () => {
  await using studio = await openStudio(browser, "/draw", QUICK);
  const { page } = studio;
  await prompt(page).waitFor();
  const drop = async (name: string, bytes: Uint8Array): Promise<void> => {
    const base64 = JSON.stringify(Buffer.from(bytes).toString("base64"));
    await page.evaluate(`(() => {
      const bytes = Uint8Array.from(atob(${base64}), (one) => one.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([bytes], ${JSON.stringify(name)}, { type: "image/png" }));
      document.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    })()`);
  };
  await page.getByLabel("Size").selectOption("512x512");
  await drop("drawn.png", await drawnPng(1, "an owl at night", 99, 64));
  await page.getByText("The settings of drawn.png are in the form").waitFor();
  expect(await prompt(page).inputValue()).toBe("an owl at night");
  expect(await seed(page).inputValue()).toBe("99");
  expect(await page.getByLabel("Steps").inputValue()).toBe("20");
  expect(await page.getByLabel("Size").inputValue()).toBe("64x64");

  const other = await readFile(new URL("../../docs/pictures/emoji-demo.png", import.meta.url));
  await drop("other.png", other);
  await page.getByText("other.png is now the start picture").waitFor();
  const asked = page.waitForRequest((request) => request.url().endsWith("/v1/images/edits"));
  await page.getByRole("button", { name: /^Draw/ }).click();
  const body = (await asked).postDataJSON() as { image: string; strength: number };
  expect(Buffer.from(body.image, "base64").length).toBeGreaterThan(1000);
  expect(body.strength).toBe(0.6);
  await drop("drawn.png", await drawnPng(1, "an owl at night", 99, 64));
  await page.getByText("The settings of drawn.png are in the form: press Draw").waitFor();
  const again = page.waitForRequest((request) => request.url().endsWith("/v1/images/generations"));
  await page.getByRole("button", { name: /^(Draw|Add)/ }).click();
  expect((await again).postDataJSON()).toMatchObject({ n: 1, seed: 99 });
  await expect.poll(() => page.locator(".history li").count(), PATIENT).toBe(2);
  await drop("other.png", other);
  await page.getByText("How much is redrawn").waitFor();
  await page.getByRole("button", { name: "Again" }).click(); // it was drawn from none
  await page.getByText("How much is redrawn").waitFor({ state: "detached" });
});

const PAINTING: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  "a mouse": async (page) => {
    const box = await page.locator(".mask-place canvas").boundingBox();
    if (box === null) throw new Error("Expected a canvas");
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2 + 40, box.y + box.height / 2, { steps: 4 });
    await page.mouse.up();
  },
  keys: async (page) => {
    await page.getByRole("application", { name: "Arrow keys move the brush" }).focus();
    for (const key of ["ArrowLeft", "Space", "ArrowRight", "ArrowRight", "Space"])
      await page.keyboard.press(key);
  },
};

it.each(Object.entries(PAINTING))("draws anew only what was painted with %s", async (_, paint) => {
  await using studio = await openStudio(browser, "/draw?prompt=a+fox", QUICK);
  const { page } = studio;
  await page.getByText("Start picture").click();
  const file = new URL("../../docs/pictures/emoji-demo.png", import.meta.url);
  await page.locator('input[type="file"]').setInputFiles(file.pathname);
  await page.getByRole("button", { name: "Redraw a part" }).click();
  await page.locator('.mask-place canvas:not([width="0"])').waitFor();
  await paint(page);
  await page.getByRole("button", { name: "Only the painted area" }).click();
  await page.getByRole("button", { name: "Edit the mask" }).waitFor();
  const asked = page.waitForRequest((request) => request.url().endsWith("/v1/images/edits"));
  await page.getByRole("button", { name: /^Draw/ }).click();
  const { mask, strength } = (await asked).postDataJSON() as { mask: string; strength: number };
  expect(strength).toBe(1);
  const alpha = await alphaOf(Buffer.from(mask, "base64"));
  expect(new Set(alpha)).toContain(0);
  expect(new Set(alpha)).toContain(255);
});

const alphaOf = (png: Buffer): Promise<Buffer> =>
  sharp(png).extractChannel("alpha").raw().toBuffer();

it("compares checkpoints by seed", async () => {
  await using studio = await openStudio(browser, "/draw?prompt=a+fox&seed=7&n=2", QUICK);
  const { page } = studio;
  await page.getByRole("button", { name: "Compare checkpoints" }).click();
  await page.getByRole("button", { name: "Draw 8 pictures" }).click();
  await page.getByAltText("emoji_full at 800, seed 8").waitFor();
  expect(await page.locator(".grid-picture").count()).toBe(8);
});

it("gives the form as code", async () => {
  await using studio = await openStudio(browser, "/draw?prompt=a+fox&seed=7", QUICK);
  const { page } = studio;
  await page.getByRole("button", { name: "Copy as code" }).click();
  await page.getByText("/v1/images/generations").waitFor();
  await page.getByRole("radio", { name: "Python" }).check();
  await page.getByText("from openai import OpenAI").waitFor();
});
