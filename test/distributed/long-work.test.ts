import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { freePort } from "../../src/distributed/free-port.ts";

const child = fileURLToPath(new URL("../fixtures/rank-of-long-work.ts", import.meta.url));

it("one rank works longer than a collective waits, and then until a signal to another ends it", async () => {
  const port = await freePort();
  const start = async (rank: number): Promise<unknown> => {
    const { stdout } = spawn(process.execPath, ["--import", "tsx", child], {
      env: {
        ...process.env,
        RANK: `${rank}`,
        WORLD_SIZE: "2",
        MASTER_ADDR: "127.0.0.1",
        MASTER_PORT: `${port}`,
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    return JSON.parse(await text(stdout));
  };
  expect(await Promise.all([start(0), start(1)])).toEqual([
    { worked: 2, ended: "StoppedElsewhere: Another process of this run was asked to stop" },
    { worked: 1, ended: "Error: asked here" },
  ]);
});
