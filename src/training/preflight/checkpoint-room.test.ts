import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { lineStage } from "../../../test/fixtures/line-stage.ts";
import { checkpointBytes, requireCheckpointRoom } from "./checkpoint-room.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-room-"));
afterAll(() => rmSync(root, { recursive: true }));

it("counts no more checkpoints than a stage saves, and one where it is interrupted", () => {
  const groups = new Map([
    ["weights", new Map([["w", { dtype: "uint8", shape: [2 ** 20] } as const]])],
  ]);
  const one = checkpointBytes(lineStage({ keepCheckpoints: 1, keepBest: false }), groups) / 2;
  const count = (changes: Parameters<typeof lineStage>[0]): number =>
    checkpointBytes(lineStage({ keepBest: false, ...changes }), groups) / one;
  expect(count({ steps: 100, checkpointEvery: 500, keepCheckpoints: 3 })).toBe(2);
  expect(count({ steps: 1100, checkpointEvery: 500, keepCheckpoints: 1000 })).toBe(4);
  expect(count({ steps: 5000, checkpointEvery: 500, keepCheckpoints: 3 })).toBe(4);
  const best = { keepBest: true, validateEvery: 100, keepCheckpoints: 3 };
  expect(count({ steps: 5000, checkpointEvery: 500, ...best })).toBe(5);
  expect(count({ steps: 900, checkpointEvery: 500, ...best })).toBe(3);
  expect(count({ steps: 5000, checkpointEvery: 500, ...best, validationSamples: 0 })).toBe(4);
});

it("asks for room for the checkpoints that are not there yet", async () => {
  const { bavail, bsize } = await statfs(root);
  // Two that stay and the one being written fill two thirds of what is free more than once.
  const bytes = Math.floor((bavail * bsize) / 2);
  const groups = new Map([
    ["weights", new Map([["w", { dtype: "uint8", shape: [bytes] } as const]])],
  ]);
  const stage = lineStage({ steps: 3, checkpointEvery: 1, keepCheckpoints: 2, keepBest: false });
  const asked = (): Promise<void> => requireCheckpointRoom(root, stage, groups);
  await expect(asked()).rejects.toThrow("too little room");
  mkdirSync(join(root, stage.name));
  for (const name of ["a", "b"]) {
    writeFileSync(join(root, stage.name, name), "");
    truncateSync(join(root, stage.name, name), bytes);
  }
  await asked();
});
