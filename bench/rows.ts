/** What all.ts measures, and what is asked of each. */
import type { DType } from "../src/torch/index.ts";
import { hasBfloat16, isAmd, type Needs, threads } from "./machine.ts";
import { type Comparison, compareSides, type Measured, type MeasureOptions } from "./measure.ts";
import { EXAMPLE, type ModelPlace, pipelineModel, t5Model, vaeModel, xl2Model } from "./models.ts";
import { here, python, runCommand } from "./processes.ts";
import { eachTime, type Side, type WorkerRequest, worker } from "./sides.ts";
import { smallTraining, xl2Training } from "./training-rows.ts";

/** What a row is measured with. `scratch` is the row's own. */
export interface RowContext extends ModelPlace, MeasureOptions {
  /** Whether torch.compile is measured too. */
  readonly compiled: boolean;
  readonly t5Layers: number;
}

/** The least ratio that is asked of one of some comparisons. */
export interface Bar {
  readonly least: number;
  /** The fastest of these counts; where left out, the slowest of all. */
  readonly of?: readonly string[];
  /** One that is further from Python's output does not count. */
  readonly maxError?: number;
  /** By the median of the rounds, in place of the best runs. */
  readonly byMedian?: boolean;
}

/** A line of the table. */
export interface Row {
  readonly name: string;
  readonly what: string;
  readonly rounds: number;
  /** The first is the row's. */
  readonly bars: readonly Bar[];
  readonly needs?: Needs;
  /** Pictures a step, where they are counted. */
  readonly pictures?: number;
  measure(context: RowContext): Promise<Measured[]>;
}

const PROMPTS = [
  "a small red apple TURN on a white background, noto style",
  "a blurry picture TURN",
] as const;

type Variant = Omit<WorkerRequest, "threads">;
const theirs = (request: Variant): Side => worker("python", { ...request, threads });
const ours = (request: Variant): Side => worker("typescript", { ...request, threads });

const ROW_OF_GUIDANCE =
  "A forward pass of PixArt-XL/2 for one picture with guidance (batch 2), captions of 120 tokens of which 17 are real. Python's side is diffusers, padded; ours leaves the padding out, as the pipeline does.";

const xl2 = (pixels: 256 | 1024, dtype: "float32" | "bfloat16", least: number): Row => ({
  name: `xl2-${pixels}-${dtype}`,
  what: `${ROW_OF_GUIDANCE} ${pixels} px, ${dtype} on both sides.`,
  rounds: pixels === 256 ? 5 : 3,
  bars: [{ least, of: ["eager"] }],
  needs: { memory: 12e9, disk: 3e9, bfloat16: dtype === "bfloat16" },
  measure: async (context) => {
    const folder = await xl2Model(context, pixels);
    const request = { model: "transformer", folder, dtype } as const;
    const eager: Comparison = {
      name: "eager",
      theirs: theirs(request),
      ours: ours({ ...request, trims: true }),
    };
    const compiled = { ...eager, name: "compiled", mayFail: true };
    const comparisons = context.compiled
      ? [eager, { ...compiled, theirs: theirs({ ...request, compiled: true }) }]
      : [eager];
    return compareSides(comparisons, context);
  },
});

/** Number types that the machine computes in by itself. */
const ownTypes: readonly DType[] = hasBfloat16 ? ["float32", "bfloat16"] : ["float32"];

const fastest: Row = {
  name: "xl2-256-fastest",
  what: `${ROW_OF_GUIDANCE} 256 px; diffusers in float32, ours in whichever of float32, bfloat16 and int8 is fastest within 2e-2 of it.`,
  rounds: 5,
  bars: [{ least: 5, of: ["float32", "bfloat16", "int8"], maxError: 2e-2 }],
  needs: { memory: 12e9, disk: 3e9 },
  measure: async (context) => {
    const request = { model: "transformer", folder: await xl2Model(context, 256) } as const;
    const exact = theirs(request);
    const variants: readonly (Pick<Variant, "dtype" | "quantize"> & { readonly name: string })[] = [
      ...ownTypes.map((dtype) => ({ name: dtype, dtype })),
      { name: "int8", quantize: "int8" },
    ];
    const comparisons = variants.map(({ name, ...variant }) => ({
      name,
      theirs: exact,
      ours: ours({ ...request, ...variant, trims: true }),
    }));
    return compareSides(comparisons, context);
  },
};

const vae: Row = {
  name: "vae-512",
  what: "AutoencoderKL of Stable Diffusion's size decodes latents of 64 × 64, float32.",
  rounds: 5,
  bars: [{ least: 1.3, of: ["decode"] }],
  needs: { memory: 10e9, disk: 1e9 },
  measure: async (context) => {
    const request = { model: "vae", folder: await vaeModel(context) } as const;
    const name = "decode";
    return compareSides([{ name, theirs: theirs(request), ours: ours(request) }], context);
  },
};

const t5: Row = {
  name: "t5-12-words",
  what: "T5-XXL's encoder in bfloat16, a prompt of 17 tokens; ours encodes those alone, transformers 120 (padded) or 17 (trimmed).",
  rounds: 4,
  bars: [
    { least: 6, of: ["padded"] },
    { least: 1.3, of: ["trimmed"] },
  ],
  needs: { memory: 1e9, disk: 1e9, t5: true },
  measure: async (context) => {
    const folder = await t5Model(context, context.t5Layers);
    const request = { model: "t5", folder, dtype: "bfloat16" } as const;
    const trimmed = { ...request, trims: true };
    const own = ours(trimmed);
    const comparisons = [
      { name: "padded", theirs: theirs(request), ours: own },
      { name: "trimmed", theirs: theirs(trimmed), ours: own },
    ];
    return compareSides(comparisons, context);
  },
};

const textToImage: Row = {
  name: "text-to-image-256",
  what: "A whole call: T5-XXL's encoder (bfloat16 as stored, on both sides; in int8 ours too), 20 steps of DPM-Solver++ with guidance 4.5 through XL/2, and the autoencoder, to a picture in floats. New prompts in each call, so that no states are kept from one to the next. Transformer and autoencoder are float32 (exact), bfloat16 or int8; `diffusers in bfloat16` is against ours in bfloat16, all else against diffusers in float32.",
  rounds: 3,
  bars: [
    { least: 2.2, of: ["exact"] },
    { least: 4.5, of: ["int8", "bfloat16"] },
  ],
  needs: { memory: 4e9, disk: 4e9, t5: true },
  measure: async (context) => {
    const folder = await pipelineModel(context, context.t5Layers);
    const steps = context.tiny ? 2 : 20;
    const request = { model: "pipeline", folder, prompts: PROMPTS, steps } as const;
    const [exact, half] = [theirs(request), theirs({ ...request, dtype: "bfloat16" })];
    const ourHalf = ours({ ...request, dtype: "bfloat16" });
    const comparisons = [
      { name: "exact", theirs: exact, ours: ours(request) },
      { name: "int8", theirs: exact, ours: ours({ ...request, quantize: "int8" }) },
    ];
    const halves = [
      { name: "bfloat16", theirs: exact, ours: ourHalf },
      { name: "diffusers in bfloat16", theirs: half, ours: ourHalf },
    ];
    return compareSides(hasBfloat16 ? [...comparisons, ...halves] : comparisons, context);
  },
};

const coldStart: Row = {
  name: "cold-start",
  what: "From the start of a process to a PNG of the small demo model, 20 steps: `pixart sample` from dist/, and a script of diffusers.",
  rounds: 5,
  bars: [{ least: 7, of: ["sample"] }],
  measure: async (context) => {
    const [prompt, steps] = ["a red apple, noto style", context.tiny ? "2" : "20"];
    const compiler = here("../node_modules/typescript/bin/tsc");
    await runCommand(process.execPath, [compiler, "-p", here("../tsconfig.build.json")]);
    await runCommand(process.execPath, [here("../scripts/bundle.mjs")]);
    let pictures = 0;
    const file = (): string => `${context.scratch}/picture-${pictures++}.png`;
    const script = (): string[] => [here("cold-start.py"), EXAMPLE, prompt, steps, file()];
    const options = (): string[] => ["--steps", steps, "--out", file()];
    const main = here("../dist/bundle/main.js");
    const comparison = {
      name: "sample",
      theirs: eachTime(() => runCommand(python, script()), true),
      ours: eachTime(
        () => runCommand(process.execPath, [main, "sample", EXAMPLE, prompt, ...options()]),
        true,
      ),
    };
    return compareSides([comparison], context);
  },
};

const trainXl2 = (precision: "float32" | "bfloat16"): Row => ({
  name: `train-xl2-${precision}`,
  what: `A training step of XL/2, 256 px, batch 2, ${precision}${precision === "bfloat16" ? " (autocast) with gradient checkpointing" : ""}: AdamW, gradients clipped at 0.01. Ours is \`pixart train\` with cached features, which also reads data, draws a sample and saves a checkpoint (its peak holds those); Python's a loop that does the step alone, on random features, fused AdamW.`,
  rounds: 2,
  bars: [{ least: isAmd ? 1.5 : 1.2, of: ["step"] }],
  needs: { memory: 14e9, disk: 22e9, bfloat16: precision === "bfloat16" },
  pictures: 2,
  measure: async (context) => {
    const { theirs, ours } = await xl2Training(context, precision);
    return compareSides([{ name: "step", theirs, ours }], context);
  },
});

const trainSmall = (precision: "float32" | "bfloat16"): Row => ({
  name: `train-small-${precision}`,
  what: `A step of the emoji demo's \`alignment\` stage: batch 16 of 8 × 8 latents, captions of 17 tokens, transformer and text encoder trained with AdamW, their averages kept. Ours is \`pixart train\` in ${precision} from cached latents; Python's a loop over diffusers and transformers that does the step alone, on random latents and tokens, fused AdamW, in the type that is named.`,
  rounds: 4,
  bars:
    precision === "float32"
      ? [{ least: 1.5, of: ["float32"] }]
      : [
          { least: 2.5, of: ["float32"] },
          { least: 1.2, of: ["autocast"] },
        ],
  needs: { bfloat16: precision === "bfloat16" },
  pictures: 16,
  measure: async (context) => {
    const { exact, autocast, ...training } = await smallTraining(context, precision);
    const comparisons = [
      { name: "float32", theirs: exact, ...training },
      { name: "autocast", theirs: autocast, ...training },
    ];
    return compareSides(comparisons.slice(0, precision === "float32" ? 1 : 2), context);
  },
});

const perOp: Row = {
  name: "per-op",
  what: "One operator from TypeScript and from Python, one thread; the slowest beside Python's counts.",
  rounds: 5,
  bars: [{ least: 1 / 0.9 }],
  measure: async ({ rounds }) => (await import("./per-op.ts")).measureOperators(rounds),
};

const dataParallel: Row = {
  name: "data-parallel",
  what: "A training step in two processes over Gloo: `pixart train --gpus 2` and DistributedDataParallel, by the median round; and ours in one process with the whole batch, against those two of Python.",
  rounds: 3,
  bars: [{ least: 1, of: ["two processes"], byMedian: true }],
  measure: async ({ scratch, rounds, tiny }) => {
    const { measureDataParallel } = await import("./data-parallel.ts");
    const [steps, layers] = tiny ? [4, 2] : [22, 12];
    return [...(await measureDataParallel({ folder: scratch, steps, layers }, rounds))];
  },
};

/** Every row, in the order in which they are measured. */
export const rows: readonly Row[] = [
  xl2(256, "float32", isAmd ? 2.5 : 1.3),
  xl2(1024, "float32", isAmd ? 2.2 : 1.3),
  xl2(256, "bfloat16", 1.4),
  xl2(1024, "bfloat16", 1.4),
  fastest,
  vae,
  t5,
  textToImage,
  coldStart,
  trainXl2("float32"),
  trainXl2("bfloat16"),
  trainSmall("float32"),
  trainSmall("bfloat16"),
  perOp,
  dataParallel,
];
