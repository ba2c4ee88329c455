// Makes tensors that nothing frees, in loops that never yield, and reports how many were alive at once.
import * as torch from "../../src/torch/index.ts";

const COUNT = 20_000;

/** Of 4 MB each, 2.4 GB in all. */
const LARGE_COUNT = 600;
const LARGE = [1024, 1024];

/** Makes and drops tensors; gives the most that were alive. */
function drop(count = COUNT, shape = [8]): number {
  let most = 0;
  for (let i = 0; i < count; i++) {
    torch.ones(shape).add(1);
    most = Math.max(most, torch.memory().tensors);
  }
  return most;
}

/** The garbage collector frees them in the same turn. */
function collected(): number {
  globalThis.gc?.();
  return torch.memory().tensors;
}

const unscoped = drop();
const afterUnscoped = collected();
const crowded = torch.tidy(() => drop());
const afterScope = torch.memory().tensors;
const large = drop(LARGE_COUNT, LARGE);
const afterLarge = collected();
const weights = Array.from({ length: 100 }, () => torch.keep(torch.zeros(LARGE)));
const besideWeights = drop(LARGE_COUNT, LARGE) - weights.length;
for (const weight of weights) weight.dispose();
const afterWeights = collected();
// A view of a few kilobytes keeps all of what it was taken from.
let rows = 0;
for (let i = 0; i < LARGE_COUNT; i++) {
  torch.tidy(() => torch.ones(LARGE).select(0, 0));
  rows = Math.max(rows, torch.memory().tensors);
}
const afterRows = collected();
const kept = Array.from({ length: 5 }, () => torch.ones([8]));
const withKept = collected();
console.log(
  JSON.stringify({
    unscoped,
    afterUnscoped,
    crowded,
    afterScope,
    large,
    afterLarge,
    besideWeights,
    afterWeights,
    rows,
    afterRows,
    withKept,
    sum: kept.reduce((sum, t) => sum + t.sum().item(), 0),
  }),
);
