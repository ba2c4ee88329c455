// Calls every function of the addon with arguments of all kinds: right ones, freed and huge ones, and such as no typed code would
// pass. A process of its own, which says what it does as fuzz-child.ts does; the parent counts where it dies.
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Handle, Native } from "../../src/torch/binding.ts";
import operators from "../../src/torch/ops.json" with { type: "json" };
import { collectGarbage } from "../collect-garbage.ts";
import type { FuzzJob, FuzzLine } from "./fuzz.ts";
import { random } from "./mutate.ts";
import { say as sayLine } from "./say.ts";

type Draw = (below: number) => number;
type Make = (draw: Draw) => unknown;

const say: (line: FuzzLine) => void = sayLine;

class TorchError extends Error {}
class TensorDisposedError extends TorchError {}

const native = createRequire(import.meta.url)(process.env.PIXART_TESTED_ADDON ?? "") as Native;
native.installErrors(TorchError, TensorDisposedError);
const functions = native as unknown as Readonly<Record<string, (...args: unknown[]) => unknown>>;
native.setThreads(1);

const folder = mkdtempSync(join(tmpdir(), "pixart-native-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, "data"), Buffer.alloc(8192));
// Where a path is wrong it is relative.
process.chdir(folder);
const file = openSync(join(folder, "data"), "r");

const pick = <T>(list: readonly T[], draw: Draw): T | undefined => list[draw(list.length)];
const oneOf =
  (...list: readonly unknown[]): Make =>
  (draw) =>
    pick(list, draw);

const SHAPES = [[], [1], [2, 3], [3, 2], [4, 4], [0], [2, 0], [1, 4, 8, 8], [2, 3, 4]];
const FLOAT32 = 6;
const INT64 = 4;
/** A handle that comes negative stands for a tensor of no scope; nothing frees it here but the call's own scope or the end. */
const held = (handle: Handle): Handle => Math.abs(handle) as Handle;
const freed = held(native.fromBytes(new Float32Array(1), FLOAT32, [1]));
native.dispose(freed);

const tensor: Make = (draw) => {
  if (draw(12) === 0) return freed;
  const shape = pick(SHAPES, draw) ?? [];
  const size = shape.reduce((product, extent) => product * extent, 1);
  const isWhole = draw(3) === 0;
  const values = Array.from({ length: size }, () => draw(9) - 2);
  const data = isWhole ? BigInt64Array.from(values, BigInt) : Float32Array.from(values);
  const handle = held(native.fromBytes(data, isWhole ? INT64 : FLOAT32, shape));
  if (!isWhole && draw(3) === 0) native.setRequiresGrad(handle, true);
  return handle;
};
const tensors: Make = (draw) => Array.from({ length: draw(4) }, () => tensor(draw));
/** Sizes of a few elements, and such as no machine has: what lies between would only fill the memory. */
const whole = oneOf(
  0,
  1,
  1,
  2,
  3,
  4,
  -1,
  -2,
  8,
  33,
  2 ** 62,
  -(2 ** 62),
  2 ** 53,
  1e300,
  0.5,
  Number.NaN,
);
const sizes: Make = (draw) => Array.from({ length: draw(5) }, () => whole(draw));
const real = oneOf(0, 1, -1, 0.5, 1e300, -1e-300, Number.NaN, Number.POSITIVE_INFINITY);
const flag = oneOf(true, false);
const text = oneOf(
  "",
  "cpu",
  "meta",
  "cuda",
  "cuda:99",
  "sum",
  "a",
  "\0",
  "x".repeat(100_000),
  "ä\ud800",
);
const dtype = oneOf(0, 1, 2, 3, 4, 5, 6, 7, 11, 15, -1, 8, 99, 255, 1e9);
const bytes: Make = (draw) =>
  pick(
    [
      new Float32Array(6),
      new Uint8Array(24),
      new DataView(new ArrayBuffer(8)),
      new BigInt64Array(0),
    ],
    draw,
  );
const generator: Make = (draw) => native.generator(draw(100), "cpu");
const nullish = oneOf(null, undefined);
/** Milliseconds: nothing may wait for long. */
const timeout = oneOf(1, 5, 0, -1, 20);
const scope: Make = () => native.heldScopeNew(native.scopeName("s"));
const store: Make = (draw) => native.fileStore(join(folder, `store-${draw(1e9)}`), 10);
const group: Make = (draw) => native.glooGroup(store(draw) as never, 0, 1, "127.0.0.1", null, 100);
const reducer: Make = (draw) =>
  native.reducerNew(group(draw) as never, [tensor(draw) as never], ["w"], 1024);
const names: Make = (draw) => Array.from({ length: draw(3) }, () => text(draw));
const operatorNumbers = Object.values(operators)
  .flat()
  .flatMap((line) => line.slice(line.indexOf(":") + 1).split("|"))
  .map((name) => native.resolve(name.includes("::") ? name.trim() : `aten::${name.trim()}`));
const negation = native.resolve("aten::neg");
/** Often one that takes a tensor and nothing else: the arguments beside it are drawn without it, and seldom fit. */
const operator: Make = (draw) => (draw(3) === 0 ? negation : pick(operatorNumbers, draw));
const anyArgument: Make = (draw) =>
  pick(
    [tensor, tensor, tensor, whole, sizes, real, flag, tensors, text, nullish, generator, dtype],
    draw,
  )?.(draw);
const absurd: Make = (draw) =>
  pick<unknown>(
    [
      ...[
        undefined,
        null,
        true,
        "",
        "aten::add",
        -1,
        2 ** 31,
        2 ** 52,
        1e300,
        Number.NaN,
        10n,
        -(2n ** 70n),
      ],
      ...[{}, [], [[]], [null], new Array(3), new Float32Array(2), new ArrayBuffer(8), Symbol("s")],
      ...[() => 0, new Proxy({}, {}), Object.create(null), new Date(), /x/, freed],
      {
        get length() {
          throw new Error("on purpose");
        },
      },
    ],
    draw,
  );

/** Functions of one tensor. */
const OF_A_TENSOR = [
  ...["shape", "dtype", "device", "isDisposed", "toBytes", "item", "dispose", "keep", "retain"],
  ...["guard", "requiresGrad", "isLeaf", "grad", "pageOut"],
];

/** What each function takes, in order. */
const SIGNATURES: Readonly<Record<string, readonly Make[]>> = {
  ...Object.fromEntries(OF_A_TENSOR.map((name) => [name, [tensor]])),
  installErrors: [oneOf(TorchError), oneOf(TensorDisposedError)],
  resolve: [oneOf("aten::add.Tensor", "aten::nothing", "add", "aten::", "::", "aten::add.Nothing")],
  schema: [oneOf("aten::add.Tensor", "aten::nothing", "")],
  call: [operator, anyArgument, anyArgument, anyArgument, anyArgument, anyArgument, anyArgument],
  fromBytes: [bytes, dtype, sizes],
  scopeName: [text],
  scopeBegin: [oneOf(0, 1, -1, 1e9)],
  scopeEnd: [(draw) => pick([tensor, tensors, nullish], draw)?.(draw)],
  scopeEndInto: [scope],
  heldScopeNew: [oneOf(0, 1, -1, 1e9)],
  heldScopeFree: [scope],
  liveTensors: [],
  share: [tensor],
  adopt: [oneOf(1, 2, 3, 0, -1, 1e9, 0.5)],
  generator: [whole, text],
  manualSeed: [whole],
  setRequiresGrad: [tensor, flag],
  isSame: [tensor, tensor],
  setGrad: [tensor, (draw) => pick([tensor, nullish], draw)?.(draw)],
  backward: [tensors, (draw) => pick([tensors, nullish], draw)?.(draw), flag, flag],
  gradients: [tensors, tensors, (draw) => pick([tensors, nullish], draw)?.(draw), flag, flag, flag],
  setGradEnabled: [oneOf(true)],
  isGradEnabled: [],
  setAutocast: [text, oneOf(null)],
  mapTensor: [oneOf(file, -1, 1e9, 0.5), whole, whole, dtype, sizes],
  engineInfo: [],
  setDevice: [text],
  deviceMemory: [text],
  setThreads: [oneOf(1, 2, 0, -1, 1025, 1e9)],
  threads: [],
  setDeterministic: [oneOf(false)],
  setOwnKernels: [oneOf(true)],
  products: [],
  releaseMemory: [],
  claimSpin: [],
  setSpin: [oneOf(false)],
  tcpStore: [
    oneOf("127.0.0.1", "", "nowhere.invalid", "\0"),
    oneOf(0, -1, 70_000, 1),
    flag,
    timeout,
  ],
  fileStore: [(draw) => join(folder, `f-${draw(9)}`), timeout],
  prefixedStore: [text, store],
  storePort: [store],
  storeSet: [store, text, text],
  storeGet: [store, text],
  storeAdd: [store, text, whole],
  storeHas: [store, text],
  storeWait: [store, names, timeout],
  glooGroup: [
    store,
    oneOf(0, -1, 1),
    oneOf(1, 0, -1),
    oneOf("127.0.0.1", "", "x"),
    nullish,
    timeout,
  ],
  ncclGroup: [store, oneOf(0, -1), oneOf(1, 0), timeout],
  hasNccl: [],
  allReduce: [group, tensor, text],
  broadcast: [group, tensor, whole],
  allGather: [group, tensor, tensor],
  reduceScatter: [group, tensor, tensor, text],
  reducerNew: [group, tensors, names, whole],
  reducerPrepare: [reducer],
  reducerCheck: [reducer],
  reducerFree: [reducer],
  // One that begins ends the process when it finds nobody: its host is never a right one.
  heartbeatNew: [absurd, whole, text, whole, whole, timeout, timeout, whole, whole],
  heartbeatArrive: [absurd],
  heartbeatStop: [absurd],
  graphNew: [oneOf("cuda:0", "cuda", "cpu", "nowhere")],
  graphBegin: [absurd],
  graphEnd: [absurd],
  graphLeave: [absurd],
  graphReplay: [absurd],
  graphFree: [absurd],
};

const floats = (...shape: number[]): Handle => {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return held(native.fromBytes(new Float32Array(size), FLOAT32, shape));
};
const leaf = (...shape: number[]): Handle => {
  const handle = floats(...shape);
  native.setRequiresGrad(handle, true);
  return handle;
};
const sum = native.resolve("aten::sum");

/** Whole calls of functions whose arguments depend on one another: drawn one by one they are never right. */
const RIGHT: Readonly<Record<string, Make>> = {
  fromBytes: () => [new Float32Array(6), FLOAT32, [2, 3]],
  gradients: () => {
    const x = leaf(2, 3);
    return [[native.call(sum, x)], [x], null, false, false, false];
  },
  backward: () => [[native.call(sum, leaf(2, 3))], null, false, false],
  mapTensor: () => [file, 64, 24, FLOAT32, [2, 3]],
  tcpStore: () => ["127.0.0.1", 0, true, 1000],
  glooGroup: (draw) => [store(draw), 0, 1, "127.0.0.1", null, 1000],
  allReduce: (draw) => [group(draw), floats(2, 3), "sum"],
  broadcast: (draw) => [group(draw), floats(2, 3), 0],
  allGather: (draw) => [group(draw), floats(4), floats(4)],
  reduceScatter: (draw) => [group(draw), floats(4), floats(4), "sum"],
};

/** Frees what reading an argument can free: its bytes go elsewhere, its tensors and the scope end. */
function free(args: readonly unknown[]): void {
  const attempts = args.flat().map((arg) => () => {
    if (ArrayBuffer.isView(arg))
      structuredClone(arg.buffer, { transfer: [arg.buffer as ArrayBuffer] });
    if (typeof arg === "number") native.dispose(arg as Handle);
  });
  for (const attempt of [...attempts, () => native.scopeEnd(undefined)]) {
    try {
      attempt();
    } catch {
      // It is free already, or nothing that could be.
    }
  }
}

/** Replaces the first element of the first list by a getter that frees all arguments. */
function freeOnReading(args: readonly unknown[]): void {
  const list = args.find((arg) => Array.isArray(arg) && arg.length > 0);
  if (list === undefined) return;
  const others = args.map((arg) => (Array.isArray(arg) ? [...arg] : arg));
  const [value] = list as unknown[];
  Object.defineProperty(list, 0, {
    get: () => {
      free(others);
      return value;
    },
  });
}

/** How a call ended: whether it gave a result, and what it threw that is no error. */
interface Called {
  readonly isAccepted: boolean;
  readonly problem?: string;
}

function call(name: string, seed: number): Called {
  const draw = random(seed);
  const makers = SIGNATURES[name];
  if (makers === undefined) throw new Error(`Expected what ${name} takes but SIGNATURES lacks it`);
  // Half of the calls are as they should be but for freed and huge values.
  const isRight = draw(2) === 0;
  const count = isRight ? makers.length : draw(makers.length + 3);
  let args: unknown[];
  try {
    const whole = RIGHT[name];
    if (isRight && whole !== undefined && draw(2) === 0) args = whole(draw) as unknown[];
    else
      args = Array.from({ length: count }, (_, i) =>
        isRight || draw(2) === 0 ? (makers[i] ?? absurd)(draw) : absurd(draw),
      );
  } catch {
    return { isAccepted: false }; // an argument that could not be made is no call
  }
  if (draw(8) === 0) freeOnReading(args);
  try {
    functions[name]?.(...args);
    return { isAccepted: true };
  } catch (error) {
    const isError = error instanceof Error;
    return { isAccepted: false, ...(isError ? {} : { problem: `threw ${String(error)}` }) };
  } finally {
    native.setGradEnabled(true);
    native.setThreads(1);
    native.setDeterministic(false);
    native.setOwnKernels(true);
    native.installErrors(TorchError, TensorDisposedError);
  }
}

for (const { reader: name, first, end } of JSON.parse(process.argv[2] ?? "[]") as FuzzJob[]) {
  say({ reader: name });
  for (let seed = first; seed < end; seed++) {
    say({ reader: name, seed });
    for (let i = 0; i < 3; i++) native.scopeBegin(native.scopeName("calls"));
    const called = call(name, seed);
    try {
      for (;;) native.scopeEnd(undefined);
    } catch {
      // None is open any more.
    }
    say({ reader: name, seed, seconds: 0, ...called });
    if (seed % 100 === 99) collectGarbage();
  }
}
closeSync(file);
