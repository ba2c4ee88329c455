import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { freePort } from "../../src/distributed/free-port.ts";

const child = fileURLToPath(
  new URL("../fixtures/rank-with-unreadable-pictures.ts", import.meta.url),
);

it("pictures that only some ranks can read are an error in all, which names rank and pictures", async () => {
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
  const told = {
    same: "",
    different:
      "DistributedError: Expected the same readable pictures in all processes but rank 1 cannot read a, d, e and 1 more. Make these files readable on the machines of those processes, then start again with --resume",
  };
  expect(await Promise.all([start(0), start(1)])).toEqual([told, told]);
});
