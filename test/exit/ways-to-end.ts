// Ends a process that has used the engine, in the way that its argument names.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import * as torch from "../../src/torch/index.ts";

/** Tensors of every kind of owner, a gradient, and a generator: all of them are alive at the end. */
function useEngine(): unknown[] {
  const weight = torch.randn([16, 16], { generator: torch.generator(1) }).requiresGrad_();
  const held = torch.scope("held");
  const inHeld = held.run(() => weight.mul(2));
  torch.backward(inHeld.matmul(weight).sum());
  return [weight, held, inHeld, torch.keep(torch.zeros([3])), weight.grad];
}

const worker = (): Worker => new Worker(new URL("worker.mjs", import.meta.url));

const ways: Record<string, () => unknown> = {
  normal: () => undefined,
  exitInScope: () =>
    torch.tidy(() => {
      torch.zeros([4]).add(1);
      process.exit(3);
    }),
  uncaughtException: () =>
    setImmediate(() => {
      torch.tidy(() => {
        torch.zeros([4]);
        throw new Error("thrown on purpose");
      });
    }),
  uncaughtTorchError: () => torch.zeros([2]).add(torch.zeros([3])),
  unhandledRejection: () => void Promise.reject(new Error("rejected on purpose")),
  signal: async () => {
    console.log("ready");
    for (;;) {
      torch.tidy(() => torch.ones([64, 64]).matmul(torch.ones([64, 64])));
      await sleep(1);
    }
  },
  terminatedWorkers: async () => {
    for (const milliseconds of [0, 3, 10]) {
      const computing = worker();
      await once(computing, "message");
      await sleep(milliseconds);
      await computing.terminate();
    }
    console.log(torch.ones([8]).sum().item());
  },
  exitBesideWorker: async () => {
    await once(worker(), "message");
    process.exit(4);
  },
  twoWorkers: async () => {
    const workers = [worker(), worker()];
    await Promise.all(workers.map((each) => once(each, "message")));
    for (const each of workers) each.postMessage("stop");
    const codes = await Promise.all(workers.map(async (each) => (await once(each, "exit"))[0]));
    console.log(codes.join(" "));
  },
};

const way = ways[process.argv[2] ?? ""];
if (way === undefined) throw new Error(`unknown way ${process.argv[2]}`);
const alive = useEngine();
process.on("exit", () => alive.length);
await way();
