import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { RunningServer } from "../../src/server/start-server.ts";
import { startTestServer } from "../fixtures/test-server.ts";
import { pythonPath } from "../parity/python.ts";
import { tries } from "../reliability/counts.ts";

let server: RunningServer;
const folder = mkdtempSync(join(tmpdir(), "pixart-fuzz-"));
const lines: string[] = [];
beforeAll(async () => {
  const models = [{ name: "stand-in", place: "step=1,batch=4" }];
  server = await startTestServer({ models, lines, maxPixels: 65_536 });
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await server.stop(0);
});

/**
 * Of schemathesis' checks those that this API does not promise: fields that exclude each other have no form in a schema, and a
 * job that was cancelled by DELETE still says so.
 */
const EXCLUDED = "positive_data_acceptance,use_after_free";

it("keeps to its OpenAPI document, whatever schemathesis makes of it", async () => {
  const { stdout, exitCode } = await execa(
    join(dirname(pythonPath()), "schemathesis"),
    [
      ...["run", `${server.url}/openapi.json`, "--checks", "all", "--exclude-checks", EXCLUDED],
      ...["--max-examples", String(tries(10, 400)), "--seed", "1", "--request-timeout", "20"],
      ...["--exclude-path", "/v1/jobs/{id}/events", "--generation-database", "none", "--no-color"],
    ],
    // It keeps what it found where it runs.
    { reject: false, cwd: folder },
  );
  console.info(/Test cases:\n.*/.exec(stdout)?.[0] ?? stdout.slice(-300));
  expect(exitCode, stdout).toBe(0);
  expect(lines.filter((line) => line.includes('"level":50'))).toEqual([]);
});
