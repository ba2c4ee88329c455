// Saves one checkpoint and kills itself with SIGKILL at the nth change to the disk; "torn" lets half of a write through first.
import { dirname } from "node:path";
import { interceptCalls } from "./file-system-calls.ts";
import { save, scenarios } from "./scenario.ts";

const [root = "", scenarioName, fatal, torn] = process.argv.slice(2);
const scenario = scenarios.find(({ name }) => name === scenarioName);
if (scenario === undefined) throw new Error(`unknown scenario ${scenarioName}`);

const { open } = await import("node:fs/promises");
let count = 0;
interceptCalls(dirname(root), async (call, perform) => {
  if (++count !== Number(fatal)) return perform();
  if (torn === "torn" && call.kind === "write") {
    const file = await open(call.path, "a");
    await file.write(call.bytes, 0, call.bytes.length >> 1);
  }
  process.kill(process.pid, "SIGKILL");
  return undefined;
});
await save(root, scenario, "newer");
