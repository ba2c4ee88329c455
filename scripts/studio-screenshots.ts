/**
 * Takes the screenshots of docs/studio.md from real runs: `npx tsx scripts/studio-screenshots.ts WORK_DIRS PICTURES [OUT]`,
 * after `npm run build`. WORK_DIRS holds at least two runs, the newest of which can be drawn with; PICTURES is a folder to train with.
 */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { startStudioProcess } from "../bench/studio-process.ts";
import { openBrowser } from "../test/page/browser.ts";

const SHOWN = fileURLToPath(new URL("../docs/pictures/", import.meta.url));
const PROMPT = "a red apple, noto style";

/** Sizes of a screenshot, in CSS pixels; desks and tablets in the light theme, the phone in the dark one. */
const DEVICES = {
  desk: { width: 1440, height: 1000, colorScheme: "light" },
  tablet: { width: 820, height: 1000, colorScheme: "light" },
  phone: { width: 390, height: 844, colorScheme: "dark" },
} as const;

const [workDirs, pictures, out = SHOWN] = process.argv.slice(2);
if (workDirs === undefined || pictures === undefined)
  throw new Error(
    "Expected folders of runs and of pictures: studio-screenshots.ts WORK_DIRS PICTURES [OUT]",
  );
mkdirSync(out, { recursive: true });

async function shoot(
  page: Page,
  name: string,
  device: keyof typeof DEVICES,
  height: number = DEVICES[device].height,
): Promise<void> {
  const { width, colorScheme } = DEVICES[device];
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize({ width, height });
  await page.waitForTimeout(1000); // charts are drawn again
  const image = sharp(await page.screenshot()).webp({ quality: 80 });
  await image.toFile(join(out, `studio-${name}${device === "desk" ? "" : `-${device}`}.webp`));
}

async function shootAll(page: Page, name: string): Promise<void> {
  for (const device of Object.keys(DEVICES) as (keyof typeof DEVICES)[])
    await shoot(page, name, device);
  await page.setViewportSize({ width: 1440, height: 1000 });
}

await using studio = await startStudioProcess(resolve(workDirs), "--data-root", resolve(pictures));
const browser = await openBrowser();
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  const open = (path: string): Promise<unknown> => page.goto(new URL(path, studio.address).href);
  await page.goto(studio.address);
  await page.locator(".run-row img").first().waitFor();
  await shootAll(page, "runs");

  for (const box of (await page.getByLabel(/^Compare /).all()).slice(0, 2)) await box.check();
  await page.getByRole("link", { name: "Compare the two" }).click();
  await page.getByRole("heading", { name: "What differs" }).waitFor();
  await shoot(page, "compare", "desk");

  await open("/runs/latest");
  await page.getByRole("figure", { name: "Loss", exact: true }).waitFor();
  await page.locator(".picture img").first().waitFor();
  await shootAll(page, "run");

  await open("/draw");
  await page.getByLabel("Prompt", { exact: true }).fill(PROMPT);
  await page.getByRole("button", { name: /^Draw/ }).click();
  await page.locator(".shown .drawn-grid img").first().waitFor();
  await shootAll(page, "draw");

  await open("/new");
  await page.getByRole("button", { name: "Check these pictures" }).click();
  await page.getByRole("heading", { name: "What the folder contains" }).waitFor();
  await shoot(page, "data", "desk");

  await open("/system");
  await page.getByText("libtorch").first().waitFor();
  await shoot(page, "system", "desk", 720); // above the report, which names folders of this machine
} finally {
  await browser.close();
}
