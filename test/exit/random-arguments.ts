// Calls every native function with random arguments. What is thrown must be a JavaScript error; the process must live.
import { native } from "../../src/torch/binding.ts";
import * as torch from "../../src/torch/index.ts";

const calls = Number(process.argv[2]);
let state = Number(process.argv[3]);

/** A random number in [0, 1): mulberry32. */
function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const below = (count: number): number => Math.floor(random() * count);

/**
 * A tensor whose handle is a huge number: taken for a size it is refused by any allocator. Otherwise a lucky draw could
 * fill the machine's memory.
 */
function highHandled(make: () => torch.Tensor): torch.Tensor {
  for (;;) {
    const made = torch.keep(make());
    if (made.handle >= 2 ** 48) return made;
    made.dispose();
    // Every tenant of a place in the table raises the next one's handle.
    for (let i = 0; i < 2 ** 17; i++) torch.retain(tenant).dispose();
  }
}

const tenant = torch.zeros([]);
const makers = [
  () => torch.ones([2, 3]).requiresGrad_(),
  () => torch.ones([2, 3]),
  () => torch.ones([3], { dtype: "int64" }),
  () => torch.ones([1, 2, 3, 3]),
  () => torch.ones([3], { dtype: "bool" }),
  () => torch.ones([], { dtype: "bfloat16" }),
  () => torch.zeros([3, 0]),
  () => torch.zeros([2, 3], { device: "meta" }),
];
const live = makers.map(highHandled);
const gone = highHandled(() => torch.ones([2]));
gone.dispose();

/** Makes those anew that a call disposed. */
function refresh(): void {
  makers.forEach((make, i) => {
    if (live[i]?.isDisposed) live[i] = highHandled(make);
  });
}
const handle = (i: number): number => live[i]?.handle ?? 0;

const detached = new Float32Array(4);
structuredClone(detached, { transfer: [detached.buffer] });

const HUGE = 2 ** 50;
const sparse: unknown[] = [1];
sparse[9] = 2;
const values: readonly (() => unknown)[] = [
  ...[undefined, null, true, false, 0, -0, 1, -1, 2, 3, 7, 0.5, -1e-3, 5e-324].map((v) => () => v),
  ...[Number.NaN, 1 / 0, -1 / 0, HUGE, -HUGE, 2 ** 53, 2 ** 63, 1e308].map((v) => () => v),
  ...[0n, 1n, -1n, 2n ** 63n, -(2n ** 80n), Symbol("s"), {}, () => 1, class {}].map((v) => () => v),
  ...["", "cpu", "meta", "cuda:0", "cuda:-9", "tanh", "none", "\0", "\ud800", "x".repeat(9999)].map(
    (v) => () => v,
  ),
  ...["aten::add.Tensor", "aten::_foreach_norm.Scalar", "aten::", "aten::add.Nothing"].map(
    (v) => () => v,
  ),
  ...[[], [0], [1], [2, 3], [-1], [1, 1, 1, 1], [HUGE], [HUGE, HUGE], [null], [0.5], [[1]]].map(
    (v) => () => v,
  ),
  ...[["a"], [Number.NaN], sparse, new Array(1000).fill(1), [true, false], [1n]].map(
    (v) => () => v,
  ),
  ...[
    new Float32Array(6),
    new Uint8Array(0),
    new BigUint64Array(2),
    detached,
    new ArrayBuffer(8),
  ].map((v) => () => v),
  () => new DataView(new ArrayBuffer(8)),
  () => new Float64Array(new SharedArrayBuffer(16)),
  () => new Proxy([1, 2], {}),
  () => new Date(Number.NaN),
  () => torch.generator(1).handle,
  () => native.heldScopeNew(0),
  () => native.guard(gone.handle),
  () => gone.handle,
  () => -handle(0),
  () => handle(0) + 1,
  () => random() * 2 ** 53,
  () => [gone.handle],
  () => [handle(0), handle(3)],
  () => [handle(1), undefined, gone.handle],
];
const anything = (): unknown => {
  // Half of all arguments are tensors, so that calls get far enough to do damage.
  return random() < 0.5 ? handle(below(live.length)) : values[below(values.length)]?.();
};

// Operators are numbered as they are resolved.
const operators = native.resolve("aten::neg");
type Function = (...args: unknown[]) => unknown;
const exports = native as unknown as Record<string, Function>;
// Stores write files, or wait for a server that a random address does not have: process-group.test.ts has their arguments.
const apart = ["installErrors", "tcpStore", "fileStore"];
const names = Object.keys(exports).filter((name) => !apart.includes(name));
const outcome = { returned: 0, threw: 0 };

function attempt(name: string, args: unknown[]): void {
  try {
    exports[name]?.(...args);
    outcome.returned++;
  } catch (error) {
    if (!(error instanceof Error)) throw new TypeError(`${name} threw no Error: ${String(error)}`);
    outcome.threw++;
  }
  refresh();
}

for (const name of [...names, "installErrors"]) {
  for (let i = 0; i < calls; i++) {
    const args = Array.from({ length: below(7) }, anything);
    attempt(name, args);
  }
  for (const device of ["cpu", "cuda", "meta"]) attempt("setAutocast", [device, null]);
  native.setGradEnabled(true);
  native.setThreads(1);
}
for (let operator = 0; operator < operators; operator++) {
  for (let i = 0; i < calls / 10; i++) {
    const args = Array.from({ length: below(8) }, anything);
    attempt("call", [operator, ...args]);
  }
}
console.log(JSON.stringify(outcome));
