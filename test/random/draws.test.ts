import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import * as torch from "../../src/torch/index.ts";
import { runPython } from "../parity/python.ts";

interface Request {
  readonly kind: "randn" | "rand" | "randint" | "randperm" | "normal_" | "uniform_";
  readonly shape: readonly number[];
  readonly dtype: torch.DType;
}

/** Draws from one generator, in order. */
interface Series {
  readonly name: string;
  readonly seed: string;
  readonly default: boolean;
  readonly requests: readonly Request[];
}

const kinds: readonly Request["kind"][] = [
  "randn",
  "rand",
  "randint",
  "randperm",
  "normal_",
  "uniform_",
];
// libtorch draws fewer than 16 normal numbers one by one and more of them in blocks, the last of which may overlap.
const shapes = [[1], [15], [16], [17], [1000], [2, 4, 8, 8]];
const seeds = ["0", "1", `${2 ** 40}`];

const single = seeds.flatMap((seed) =>
  kinds.flatMap((kind) =>
    shapes.map(
      (shape): Series => ({
        name: `${kind} of [${shape}] with seed ${seed}`,
        seed,
        default: false,
        requests: [{ kind, shape, dtype: "float32" }],
      }),
    ),
  ),
);

const everything: readonly Request[] = [...shapes, [3], [0], [31]].flatMap((shape) =>
  kinds.map((kind) => ({ kind, shape, dtype: "float32" as const })),
);

const all: readonly Series[] = [
  ...single,
  { name: "one after the other", seed: "3", default: false, requests: everything },
  { name: "from the default generator", seed: "3", default: true, requests: everything },
  {
    name: "with the largest seed",
    seed: `${2n ** 64n - 1n}`,
    default: false,
    requests: [{ kind: "randn", shape: [20], dtype: "float32" }],
  },
  ...(["float64", "bfloat16", "float16"] as const).map((dtype) => ({
    name: `of ${dtype}`,
    seed: "5",
    default: false,
    requests: (["randn", "rand", "normal_", "uniform_"] as const).flatMap((kind) =>
      [[7], [40]].map((shape) => ({ kind, shape, dtype })),
    ),
  })),
];

function draw({ kind, shape, dtype }: Request, generator?: torch.Generator): torch.Tensor {
  switch (kind) {
    case "randint":
      return torch.randint(-7, 1000, shape, { generator });
    case "randperm":
      return torch.randperm(
        shape.reduce((product, size) => product * size, 1),
        { generator },
      );
    case "normal_":
      return torch.empty(shape, { dtype }).normal_(0.5, 2, { generator });
    case "uniform_":
      return torch.empty(shape, { dtype }).uniform_(-1, 3, { generator });
    case "randn":
      return torch.randn(shape, { generator, dtype });
    case "rand":
      return torch.rand(shape, { generator, dtype });
  }
}

function draws(series: Series): number[][] {
  const seed = BigInt(series.seed);
  if (series.default) torch.manualSeed(seed);
  const generator = series.default ? undefined : torch.generator(seed);
  return series.requests.map((request) =>
    torch.tidy(() => Array.from(draw(request, generator).toTypedArray(), Number)),
  );
}

let expected: number[][][];
beforeAll(async () => {
  const script = fileURLToPath(new URL("draws.py", import.meta.url));
  expected = (await runPython(script, all)) as number[][][];
});

describe("random numbers are PyTorch's, to the bit", () => {
  it.each(all.map((series, index) => ({ name: series.name, index })))("$name", ({ index }) => {
    const series = all[index] as Series;
    const found = draws(series);
    expect(found).toEqual(expected[index]);
    expect(found.flat().length).toBeGreaterThan(0);
  });
});
