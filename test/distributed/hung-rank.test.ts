import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { freePort } from "../../src/distributed/free-port.ts";

const child = fileURLToPath(new URL("../fixtures/rank-that-hangs.ts", import.meta.url));

it("a rank that lives but does not come is named by those that waited for it", async () => {
  const port = await freePort();
  const start = (rank: number): ReturnType<typeof spawn> =>
    spawn(process.execPath, ["--import", "tsx", child], {
      env: {
        ...process.env,
        RANK: `${rank}`,
        WORLD_SIZE: "2",
        MASTER_ADDR: "127.0.0.1",
        MASTER_PORT: `${port}`,
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
  const [first, hung] = [start(0), start(1)];
  let said = "";
  first.stdout?.on("data", (chunk: Buffer) => {
    said += chunk;
  });
  await new Promise((resolve) => first.on("close", resolve));
  hung.kill("SIGKILL");
  expect(JSON.parse(said)).toEqual({ lost: true, behind: [1] });
});
