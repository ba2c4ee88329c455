/** What is measured on a GPU: in bfloat16, beside diffusers where Python has it. */
import { join } from "node:path";
import type { Device } from "../../src/torch/index.ts";
import { threads } from "../machine.ts";
import { type Comparison, compareSides, type Measured, type MeasureOptions } from "../measure.ts";
import { type Side, type WorkerRequest, worker } from "../sides.ts";
import { xl2Training } from "../training-rows.ts";
import { forwardFlops, trainingFlops } from "./flops.ts";
import type { Pixels, RandomModels } from "./models.ts";

/** What a row is measured with. `scratch` is the row's own. */
export interface GpuContext extends MeasureOptions {
  readonly device: Device;
  readonly models: RandomModels;
  readonly tiny: boolean;
  readonly hasDiffusers: boolean;
}

/** A line of the report. */
export interface GpuRow {
  readonly name: string;
  readonly what: string;
  readonly rounds: number;
  /** Pictures a run, where they are counted. */
  readonly pictures?: number;
  /** Seconds that it should be given; with fewer left it is not begun. */
  readonly least: number;
  /** Whether there is nothing to measure without diffusers. */
  readonly isOfDiffusers?: boolean;
  /** Floating-point operations of a run, where they are counted. */
  flops?(context: GpuContext): number;
  measure(context: GpuContext): Promise<Measured[]>;
}

const PROMPTS = ["a small red apple TURN on a white background", "a blurry picture TURN"] as const;
/** At which bfloat16 products reach a GPU's peak. */
const productSide = ({ tiny }: GpuContext): number => (tiny ? 64 : 8192);
const WITH_GUIDANCE = 2;

type Variant = Omit<WorkerRequest, "threads" | "device" | "dtype">;
type Language = "python" | "typescript";

const side = ({ device }: GpuContext, language: Language, request: Variant): Side =>
  worker(language, { ...request, device, dtype: "bfloat16", threads });

/** Python's side, where diffusers is there. */
const theirs = (context: GpuContext, request: Variant): Side | undefined =>
  context.hasDiffusers ? side(context, "python", request) : undefined;

const product: GpuRow = {
  name: "product",
  what: "The product of two bfloat16 matrices of 8192 x 8192, by libtorch on both sides: what the device can do.",
  rounds: 5,
  least: 20,
  flops: (context) => 2 * productSide(context) ** 3,
  measure: async (context) => {
    const request = {
      model: "product",
      folder: "",
      side: productSide(context),
      repeat: 10,
    } as const;
    const [ours, python] = [side(context, "typescript", request), side(context, "python", request)];
    return compareSides([{ name: "eager", theirs: python, ours }], context);
  },
};

const forwardText = (pixels: Pixels): string =>
  `A forward pass of XL/2 at ${pixels} px for one picture with guidance (batch 2), captions of 120 tokens of which 17 are real; diffusers' padded, ours without the padding.`;

const forwardRequest = async ({ models, tiny }: GpuContext, pixels: Pixels): Promise<Variant> => {
  const repeat = tiny ? 1 : pixels === 1024 ? 5 : 20;
  return { model: "transformer", folder: await models.transformer(pixels), repeat };
};

const forward = (pixels: Pixels): GpuRow => ({
  name: `forward-${pixels}`,
  what: `${forwardText(pixels)} \`graph\` is ours replayed as a graph of CUDA.`,
  rounds: 5,
  least: 20,
  pictures: 1,
  flops: ({ models }) => WITH_GUIDANCE * forwardFlops(models.sizeAt(pixels)),
  measure: async (context) => {
    const request = await forwardRequest(context, pixels);
    const eager = theirs(context, request);
    const ours = { ...request, trims: true };
    const graph = side(context, "typescript", { ...ours, graph: true });
    const comparisons: Comparison[] = [
      { name: "eager", theirs: eager, ours: side(context, "typescript", ours) },
      { name: "graph", theirs: eager, ours: graph, mayFail: true },
    ];
    return compareSides(comparisons, context);
  },
});

/** Ours beside torch.compile, which takes a minute or two by itself. */
const compiledForward = (pixels: Pixels): GpuRow => ({
  name: `forward-${pixels}-compiled`,
  what: `${forwardText(pixels)} diffusers' by torch.compile with graphs (reduce-overhead), ours as it is and as a graph.`,
  rounds: 5,
  least: 75,
  isOfDiffusers: true,
  pictures: 1,
  flops: ({ models }) => WITH_GUIDANCE * forwardFlops(models.sizeAt(pixels)),
  measure: async (context) => {
    const request = await forwardRequest(context, pixels);
    const compiled = side(context, "python", { ...request, compiled: true });
    const ours = { ...request, trims: true };
    const graph = side(context, "typescript", { ...ours, graph: true });
    const comparisons: Comparison[] = [
      { name: "eager", theirs: compiled, ours: side(context, "typescript", ours) },
      { name: "graph", theirs: compiled, ours: graph, mayFail: true },
    ];
    return compareSides(comparisons, context);
  },
});

const drawing = (compiled: boolean): GpuRow => ({
  name: compiled ? "steps-20-1024-compiled" : "steps-20-1024",
  what: `A whole call at 1024 px: captions by one layer of T5-XXL, 20 steps of DPM-Solver++ with guidance 4.5 through XL/2, and the autoencoder, to a picture in floats${compiled ? "; diffusers' transformer by torch.compile" : ""}.`,
  rounds: 3,
  least: compiled ? 90 : 40,
  isOfDiffusers: compiled,
  pictures: 1,
  measure: async (context) => {
    const folder = await context.models.pipeline(1024);
    const steps = context.tiny ? 2 : 20;
    const request = { model: "pipeline", folder, prompts: PROMPTS, steps } as const;
    const python = theirs(context, { ...request, compiled });
    const ours = side(context, "typescript", request);
    const name = compiled ? "compiled" : "eager";
    return compareSides([{ name, theirs: python, ours }], context);
  },
});

/** Pictures a step: as many as make a GPU busy and leave the smaller cards room. */
const BATCH = 64;

const training = (compiled: boolean): GpuRow => ({
  name: compiled ? "train-xl2-compiled" : "train-xl2",
  what: `A training step of XL/2 at 256 px in bfloat16 (autocast) without checkpointing, batch ${BATCH}: AdamW, gradients clipped. Ours is \`pixart train\` with cached features; Python's a loop that does the step alone, on random features, fused AdamW${compiled ? ", by torch.compile" : ""}.`,
  rounds: 1,
  least: compiled ? 120 : 80,
  isOfDiffusers: compiled,
  pictures: BATCH,
  flops: ({ models }) => BATCH * trainingFlops(models.sizeAt(256), false),
  measure: async (context) => {
    const { device, models, tiny, scratch, rounds, hasDiffusers } = context;
    const [steps, warm, batch] = tiny ? [3, 1, 2] : [25, 5, BATCH];
    const base = await models.pipeline(256);
    const given = { base, device, steps, warm, batch, checkpointing: false };
    const place = { models: join(scratch, "models"), tiny, scratch, rounds };
    const sides = await xl2Training(place, "bfloat16", given);
    const python = compiled ? sides.compiled : hasDiffusers ? sides.theirs : undefined;
    const name = compiled ? "compiled" : "eager";
    return compareSides([{ name, theirs: python, ours: sides.ours }], place);
  },
});

/** What matters most comes first: the time ends some time. */
export const gpuRows: readonly GpuRow[] = [
  product,
  forward(256),
  forward(1024),
  drawing(false),
  training(false),
  forward(512),
  compiledForward(256),
  compiledForward(1024),
  drawing(true),
  compiledForward(512),
  training(true),
];
