// Makes tensors that nothing frees, in loops that never yield, and reports how many were alive at once.
import * as torch from "../../src/torch/index.ts";

const COUNT = 20_000;

/** Makes and drops tensors; gives the most that were alive. */
function drop(): number {
  let most = 0;
  for (let i = 0; i < COUNT; i++) {
    torch.ones([8]).add(1);
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
const crowded = torch.tidy(drop);
const afterScope = torch.memory().tensors;
const kept = Array.from({ length: 5 }, () => torch.ones([8]));
const withKept = collected();
console.log(
  JSON.stringify({
    unscoped,
    afterUnscoped,
    crowded,
    afterScope,
    withKept,
    sum: kept.reduce((sum, t) => sum + t.sum().item(), 0),
  }),
);
