import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { writeMadeRun } from "../../../test/fixtures/made-run.ts";
import { runsList } from "./runs.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-runs-list-"));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

it("lists when a run started on the machine's own clock", async () => {
  vi.stubEnv("TZ", "Asia/Tokyo");
  await writeMadeRun(join(folder, "mine"), { steps: 3, begun: new Date("2026-11-29T23:10:00Z") });
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  await runsList(folder, {});
  const text = write.mock.calls.map(([piece]) => String(piece)).join("");
  write.mockRestore();
  expect(text).toMatch(/ 2026-11-30 08:10$/m);
});
