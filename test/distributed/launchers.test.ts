import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../src/distributed/free-port.ts";
import { finalFiles, losses, trainCommand, writeTinyRun } from "../fixtures/tiny-run.ts";
import { pythonPath } from "../parity/python.ts";

const STEPS = 12;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "pixart-launchers-"));
afterAll(() => rmSync(folder, { recursive: true, maxRetries: 3 }));

const works = (program: string, ...args: string[]): boolean => {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

/** Runs commands side by side, and throws with what they said where one fails. */
async function together(commands: readonly { argv: string[]; env?: object }[]): Promise<void> {
  await Promise.all(
    commands.map(({ argv: [program = "", ...args], env }) => {
      const child = spawn(program, args, {
        cwd: ROOT,
        env: { ...process.env, OMP_NUM_THREADS: "1", ...env },
        stdio: ["ignore", "ignore", "pipe"],
      });
      let said = "";
      child.stderr.on("data", (chunk: Buffer) => {
        said += chunk;
      });
      return new Promise<void>((resolve, reject) => {
        child.on("error", reject);
        child.on("close", (code) =>
          code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}:\n${said}`)),
        );
      });
    }),
  );
}

let configFile: string;
const runIn = (name: string): string => join(folder, name);
const command = (name: string, ...flags: string[]): string[] =>
  trainCommand({ configFile, run: runIn(name), steps: STEPS, flags });

beforeAll(async () => {
  configFile = await writeTinyRun(folder);
  await together([{ argv: command("own", "--gpus", "2", "--launcher", "pytorch") }]);
});

/** Two processes are two processes, whoever starts them. */
function expectSameRun(name: string): void {
  expect(losses(runIn(name))).toHaveLength(STEPS);
  expect(losses(runIn(name))).toEqual(losses(runIn("own")));
  expect(finalFiles(runIn(name), STEPS)).toEqual(finalFiles(runIn("own"), STEPS));
}

describe("two processes train as with the own launcher", () => {
  it("under torchrun", async () => {
    const torchrun = join(pythonPath(), "..", "torchrun");
    const place = ["--nproc-per-node", "2", "--master-addr", "127.0.0.1"];
    const port = ["--master-port", `${await freePort()}`];
    await together([
      { argv: [torchrun, "--no-python", ...place, ...port, ...command("torchrun")] },
    ]);
    expectSameRun("torchrun");
  });

  it.skipIf(!works("mpirun", "--version"))("under mpirun", async () => {
    const flags = ["--allow-run-as-root", "--oversubscribe", "-np", "2"];
    const env = { MASTER_PORT: `${await freePort()}` };
    await together([
      { argv: ["mpirun", ...flags, ...command("mpirun", "--launcher", "mpi")], env },
    ]);
    expectSameRun("mpirun");
  });

  it("in an environment as Slurm's srun sets it", async () => {
    const port = await freePort();
    await together(
      [0, 1].map((rank) => ({
        argv: command("slurm", "--launcher", "slurm"),
        env: {
          SLURM_PROCID: `${rank}`,
          SLURM_LOCALID: `${rank}`,
          SLURM_NTASKS: "2",
          SLURM_STEP_NUM_TASKS: "2",
          SLURM_STEP_NUM_NODES: "1",
          SLURM_STEP_NODELIST: "login1",
          MASTER_PORT: `${port}`,
        },
      })),
    );
    expectSameRun("slurm");
  });

  // Root alone may make network namespaces.
  const hasNamespaces =
    existsSync("/proc/self/ns/net") && works("unshare", "--net", "true") && works("ip", "netns");
  it.skipIf(!hasNamespaces)("on two machines: two network namespaces", async () => {
    const ip = (...args: string[]): void => void execFileSync("ip", args);
    const names = [0, 1].map((rank) => `pixart-${process.pid}-${rank}`);
    const cable = names.map((_, rank) => `px${process.pid % 10_000}-${rank}`);
    try {
      for (const name of names) ip("netns", "add", name);
      ip("link", "add", cable[0] ?? "", "type", "veth", "peer", "name", cable[1] ?? "");
      for (const [rank, name] of names.entries()) {
        const end = cable[rank] ?? "";
        ip("link", "set", end, "netns", name);
        ip("-n", name, "addr", "add", `10.77.0.${rank + 1}/24`, "dev", end);
        for (const link of ["lo", end]) ip("-n", name, "link", "set", link, "up");
      }
      await together(
        names.map((name, rank) => ({
          argv: ["ip", "netns", "exec", name, ...command("namespaces")],
          env: {
            RANK: `${rank}`,
            WORLD_SIZE: "2",
            LOCAL_RANK: "0",
            MASTER_ADDR: "10.77.0.1",
            MASTER_PORT: "29500",
          },
        })),
      );
    } finally {
      for (const name of names) works("ip", "netns", "del", name);
    }
    expectSameRun("namespaces");
  });
});
