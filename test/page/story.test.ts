import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { MAIN } from "../fixtures/pixart-program.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { openBrowser, openHiddenTabs } from "./browser.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-story-"));
const KEY = "a-key-of-the-story";
/** Where pictures of the page are saved, to be looked at; nowhere unless named. */
const { PIXART_SCREENSHOTS } = process.env;

let browser: Browser;
let server: ReturnType<typeof begun> | undefined;

beforeAll(async () => {
  await writeTinyDataset(join(folder, "data", "grandfather"));
  mkdirSync(join(folder, "project"));
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  server?.kill("SIGKILL");
  await server;
  rmSync(folder, { recursive: true });
});

/** `pixart studio` as a person starts it, in an empty folder. */
const begun = (port: number) => {
  const options = ["--data-root", join(folder, "data"), "--api-key", KEY, "--port", `${port}`];
  return execa(process.execPath, [MAIN, "studio", ...options], {
    cwd: join(folder, "project"),
    reject: false,
  });
};

const failed = ({ stderr }: { readonly stderr: string }): never => {
  throw new Error(`The studio ended: ${stderr}`);
};

/** Gives the address that it prints. */
async function startStudio(port = 0): Promise<string> {
  const started = begun(port);
  server = started;
  const [line] = await Promise.race([once(started.stdout, "data"), started.then(failed)]);
  return String(line).trim();
}

async function look(page: Page, name: string): Promise<void> {
  if (PIXART_SCREENSHOTS === undefined) return;
  for (const [device, width, colorScheme] of [
    ["desk", 1440, "light"],
    ["tablet", 820, "light"],
    ["phone", 390, "dark"],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: width === 390 ? 844 : 1000 });
    await page.waitForTimeout(400); // charts are drawn anew
    await page.screenshot({ path: join(PIXART_SCREENSHOTS, `${name}-${device}.png`) });
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1440, height: 1000 });
}

it("goes from an empty folder to a picture in one's own style", async () => {
  const address = await startStudio();
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 } });
  const errors: string[] = [];
  context.on("weberror", (error) => errors.push(error.error().message)); // of all its tabs
  const page = await context.newPage();
  page.setDefaultTimeout(90_000);

  await page.goto(address);
  await page.getByText("npx pixart demo").waitFor();
  await page.getByRole("link", { name: "Start with a folder of pictures" }).click();
  await page.getByRole("button", { name: "grandfather" }).click();
  await page.getByRole("button", { name: "Check these pictures" }).click();
  await page.getByRole("heading", { name: "What the folder contains" }).waitFor();
  await page.getByText("18", { exact: true }).first().waitFor();
  await look(page, "data");
  await page.getByLabel("Start from").selectOption("emoji-demo");
  await page.getByRole("button", { name: "Show the plan" }).click();
  await page.getByRole("heading", { name: "3. The plan" }).waitFor();
  await look(page, "plan");
  await page.getByRole("button", { name: "Start training" }).click();

  // It learns.
  await page.getByRole("heading", { name: "grandfather" }).waitFor();
  const steps = async (): Promise<number> => {
    const text = await page.getByText(/^style [\d,]+$/).innerText();
    return Number(text.replace(/\D/g, ""));
  };
  await expect.poll(steps, { timeout: 90_000 }).toBeGreaterThan(2);
  await page.getByRole("button", { name: "Sample now" }).click();
  await page.getByRole("heading", { name: "Samples" }).waitFor();
  await page.locator(".picture img").first().waitFor();

  // Six tabs more, in the background: a browser opens only six connections to a server.
  const background = await openHiddenTabs(context, page.url());
  for (const tab of background) {
    await tab.getByRole("heading", { name: "grandfather" }).waitFor({ timeout: 90_000 });
  }
  const behind = await steps();
  await expect.poll(steps, { timeout: 90_000 }).toBeGreaterThan(behind);
  for (const tab of background) await tab.close();

  // The server dies, and the run does not care.
  const before = await steps();
  server?.kill("SIGKILL");
  await server;
  await page.getByText("The server does not answer.").waitFor();
  await startStudio(Number(new URL(address).port));
  await page.getByText("The server does not answer.").waitFor({ state: "detached" });
  await expect.poll(steps, { timeout: 90_000 }).toBeGreaterThan(before + 2);
  await page.reload();
  await expect.poll(steps, { timeout: 90_000 }).toBeGreaterThan(before + 2);
  await look(page, "run");
  await page.getByRole("button", { name: "Stop after saving" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Stop after saving" }).click();
  await page.getByRole("button", { name: "Resume" }).waitFor();
  await page.goto(new URL("/", address).href);
  await page.locator(".run-row").getByText("stopped").waitFor();
  await look(page, "runs");

  // And its style can be drawn with.
  await page.getByRole("link", { name: "Draw" }).click();
  const own = page
    .getByLabel(/^Model/)
    .locator("option", { hasText: /^grandfather @/ })
    .first();
  await page.getByLabel(/^Model/).selectOption(await own.getAttribute("value"));
  await page.getByLabel("Prompt", { exact: true }).fill("a ball in grandfather style");
  await page.getByRole("button", { name: /^Draw/ }).click();
  const drawn = page.locator(".shown .drawn-grid img").first();
  await drawn.waitFor();
  expect(await drawn.evaluate((image: object) => Reflect.get(image, "naturalWidth"))).toBe(64);
  await look(page, "draw");
  await page.getByRole("link", { name: "System" }).click();
  await page.getByText("libtorch").first().waitFor();
  await look(page, "system");
  expect(errors).toEqual([]);
  await context.close();
}, 600_000);
