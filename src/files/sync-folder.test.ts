import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import type * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { Staging } from "./staging.ts";

const opened: string[] = [];
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof fs>();
  const open: typeof fs.open = async (path, ...rest) => {
    opened.push(String(path));
    return real.open(path, ...rest);
  };
  return { ...real, open };
});

const top = mkdtempSync(join(tmpdir(), "pixart-sync-"));
afterAll(() => rmSync(top, { recursive: true }));

it("what is published has the entries of all its folders on the disk, the inner ones first", async () => {
  const elsewhere = join(top, "elsewhere");
  mkdirSync(elsewhere);
  await using staging = await Staging.beside(join(top, "set"));
  const inner = join(staging.path, "images", "style");
  mkdirSync(inner, { recursive: true });
  symlinkSync(elsewhere, join(staging.path, "link"));
  await staging.publish();
  expect(opened).toEqual([inner, join(staging.path, "images"), staging.path, top]);
});
