import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("../../dist/bundle/main.js", import.meta.url));
const folder = mkdtempSync(`${tmpdir()}/pixart-studio-built-`);
afterAll(() => rmSync(folder, { recursive: true }));

it("shows the built page from the built command, with all that the page names", async () => {
  const studio = execa(process.execPath, [MAIN, "studio", folder, "--port", "0"], {
    reject: false,
  });
  try {
    const address = await new Promise<string>((resolve) =>
      studio.stdout.once("data", (text) => resolve(String(text).trim())),
    );
    const { origin } = new URL(address);
    const page = await fetch(`${origin}/runs/latest`);
    expect(page.headers.get("content-type")).toMatch(/^text\/html/);
    const html = await page.text();
    const named = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = ""]) => path);
    expect(named.length).toBeGreaterThan(1);
    for (const path of named) expect((await fetch(origin + path)).status, path).toBe(200);
  } finally {
    studio.kill("SIGTERM");
    await studio;
  }
});
