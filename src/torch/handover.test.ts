import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import * as torch from "./index.ts";

/** Runs code in a worker that has the addon as `native`; Node 20 loads no TypeScript there. */
function inWorker(code: string, workerData: unknown = null): Worker {
  const addon = fileURLToPath(new URL("../../build/pixart.node", import.meta.url));
  return new Worker(
    `const { parentPort, workerData } = require("node:worker_threads");
     const native = require(${JSON.stringify(addon)});
     native.installErrors(Error, Error);
     ${code}`,
    { eval: true, workerData },
  );
}

const messageOf = async (worker: Worker): Promise<unknown> =>
  ((await once(worker, "message")) as [unknown])[0];

describe("share and adopt", () => {
  it("hand a tensor's own memory to another thread and back", async () => {
    using tensor = torch.tensor([1, 2, 3]);
    const token = torch.share(tensor);
    const worker = inWorker(
      `const taken = Math.abs(native.adopt(workerData));
       native.call(native.resolve("aten::add_.Scalar"), taken, 10);
       parentPort.postMessage(native.share(taken));`,
      token,
    );
    const back = torch.adopt((await messageOf(worker)) as torch.TensorToken);
    expect(back.tolist()).toEqual([11, 12, 13]);
    expect(tensor.tolist()).toEqual([11, 12, 13]);
    back.dispose();
    await worker.terminate();
    expect(tensor.tolist()).toEqual([11, 12, 13]);
  });

  it("leaves the gradient's history behind", () => {
    using weights = torch.tensor([1, 2]);
    weights.requiresGrad_();
    const taken = torch.tidy(() => torch.adopt(torch.share(weights.mul(3))));
    expect([taken.tolist(), taken.requiresGrad]).toEqual([[3, 6], false]);
    taken.dispose();
  });

  it("is done once for a token, and only where there is one", () => {
    using tensor = torch.tensor([1]);
    const token = torch.share(tensor);
    torch.adopt(token).dispose();
    expect(() => torch.adopt(token)).toThrow(
      `Expected the token of a shared tensor that nobody has taken but received ${token}`,
    );
    tensor.dispose();
    expect(() => torch.share(tensor)).toThrow(torch.TensorDisposedError);
  });
});

it("gives back what workers held that were stopped inside a scope", async () => {
  const megabytes = 64;
  const holding = `
    native.scopeBegin(native.scopeName("busy"));
    const held = native.fromBytes(new Float32Array(${(megabytes << 20) / 4}).fill(1), 6, [${(megabytes << 20) / 4}]);
    parentPort.postMessage("holds");
    for (;;) native.shape(held);`;
  const held: number[] = [];
  for (let i = 0; i < 5; i++) {
    const worker = inWorker(holding);
    await messageOf(worker);
    await worker.terminate();
    torch.releaseMemory();
    held.push(process.memoryUsage().rss / 2 ** 20);
  }
  const [first = 0, last = 0] = [held[0], held.at(-1)];
  expect(last - first).toBeLessThan(2 * megabytes);
});
