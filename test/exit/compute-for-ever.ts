// A worker thread that computes, with gradients, until it is told to stop.
import { parentPort } from "node:worker_threads";
import * as torch from "../../src/torch/index.ts";

let stopped = false;
parentPort?.once("message", () => {
  stopped = true;
});

const weight = torch.randn([64, 64]).requiresGrad_();
let turn = 0;
do {
  for (let step = 0; step < 20; step++) {
    torch.tidy(() => {
      torch.backward(
        weight
          .matmul(torch.ones([64, 8]))
          .square()
          .mean(),
      );
      weight.grad = undefined;
    });
  }
  if (turn++ === 0) parentPort?.postMessage("computing");
  await new Promise(setImmediate);
} while (!stopped);
