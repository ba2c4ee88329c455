import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import type { MockOptions } from "../../page/mock/mock-app.ts";
import { type RunningMock, startMock } from "../../page/mock/start-mock.ts";

/** A tab at a made-up studio, and what went wrong in it. */
export interface StudioPage extends AsyncDisposable {
  readonly page: Page;
  readonly mock: RunningMock;
  /** What the page threw or its console was told as an error: refusals of the content policy are among them. */
  readonly errors: readonly string[];
}

/** Opens a path of a made-up studio in a tab of its own. */
export async function openStudio(
  browser: Browser,
  address: string,
  mockOptions: MockOptions = {},
  contextOptions: BrowserContextOptions = {},
): Promise<StudioPage> {
  const mock = await startMock(mockOptions);
  const context = await browser.newContext({
    viewport: { width: 1440, height: 1000 },
    ...contextOptions,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  await page.goto(mock.url + address);
  return {
    page,
    mock,
    errors,
    [Symbol.asyncDispose]: async () => {
      await context.close();
      await mock.stop();
    },
  };
}
