import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { lineStage } from "../../../test/fixtures/line-stage.ts";
import { requireCheckpointRoom } from "./checkpoint-room.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-room-"));
afterAll(() => rmSync(root, { recursive: true }));

it("asks for room for the checkpoints that are not there yet", async () => {
  const { bavail, bsize } = await statfs(root);
  // Two that stay and the one being written fill two thirds of what is free more than once.
  const bytes = Math.floor((bavail * bsize) / 2);
  const groups = new Map([
    ["weights", new Map([["w", { dtype: "uint8", shape: [bytes] } as const]])],
  ]);
  const stage = lineStage({ keepCheckpoints: 2, keepBest: false });
  const asked = (): Promise<void> => requireCheckpointRoom(root, stage, groups);
  await expect(asked()).rejects.toThrow("too little room");
  mkdirSync(join(root, stage.name));
  for (const name of ["a", "b"]) {
    writeFileSync(join(root, stage.name, name), "");
    truncateSync(join(root, stage.name, name), bytes);
  }
  await asked();
});
