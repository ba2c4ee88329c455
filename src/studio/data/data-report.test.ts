import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { checkDataset } from "../../data/check-dataset.ts";
import { readDataset } from "../../data/read-dataset.ts";
import { RgbImage } from "../../images/index.ts";
import { dataReport } from "./data-report.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-data-report-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("counts all, and lists the first of each kind", async () => {
  const png = await new RgbImage(20, 30, new Uint8Array(20 * 30 * 3)).encodePng();
  for (let i = 0; i < 70; i++) {
    writeFileSync(join(folder, `good-${i}.png`), png);
    writeFileSync(join(folder, `broken-${i}.png`), "no picture");
  }
  const dataset = await readDataset(folder, { acceptUncaptioned: true });
  const options = { size: 512, batch: 1, maxLength: 120 };
  const order = { job: "job", base: "PixArt-alpha/PixArt-XL-2-512x512" };
  const report = dataReport(order, dataset, await checkDataset(dataset, options));
  expect(report).toMatchObject({
    ...{ base: order.base, resolution: 512, pictures: 140 },
    cut: null, // without a tokenizer
    totals: { unreadable: 70, tooSmall: 70, doubles: 1 },
  });
  expect(report.unreadable).toHaveLength(60);
  expect(report.tooSmall).toHaveLength(60);
  expect(report.doubles.map((group) => group.length)).toEqual([12]);
});
