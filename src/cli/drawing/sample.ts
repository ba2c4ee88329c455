import type { World } from "../../distributed/index.ts";
import { decodeMask, RgbImage } from "../../images/index.ts";
import type { GuidanceInterval, PixArtAlphaOptions, TgateOptions } from "../../pipelines/index.ts";
import * as torch from "../../torch/index.ts";
import { exitIfRankLost, launch, processesOf } from "../processes.ts";
import { printResult } from "../terminal/output.ts";
import { StepProgress } from "../terminal/step-progress.ts";
import { say } from "../terminal/talk.ts";
import { UsageError } from "../terminal/usage-error.ts";
import { type DrawJob, drawJobs, inBatches, recordToRepeat } from "./draw-jobs.ts";
import { drawingDevice, loadPipeline, type PipelineChanges } from "./load-pipeline.ts";
import {
  makeOutputFolder,
  pictureFile,
  pictureOutput,
  savePicture,
  saveSheet,
  sayRenamed,
} from "./picture-files.ts";

/** Options of `pixart sample`. */
export interface SampleOptions extends Omit<PipelineChanges, "device"> {
  readonly device: string;
  readonly steps?: number;
  readonly guidance?: number;
  readonly guidanceInterval?: readonly number[];
  readonly gateStep?: number;
  readonly gateInterval?: number;
  readonly seed: number;
  readonly negative: string;
  readonly images: number;
  readonly batch: number;
  readonly width?: number;
  readonly height?: number;
  readonly eta?: number;
  readonly timesteps?: readonly number[];
  readonly sigmas?: readonly number[];
  readonly initImage?: string;
  readonly strength?: number;
  readonly mask?: string;
  readonly controlImage?: string;
  readonly from?: string;
  readonly maxLength?: number;
  /** False with --no-resolution-binning. */
  readonly resolutionBinning: boolean;
  /** False with --no-clean-caption. */
  readonly cleanCaption: boolean;
  readonly out: string;
  readonly json?: boolean;
  readonly gpus?: number;
  readonly launcher?: string;
  /** The long names of the options that were given. */
  readonly given: readonly string[];
}

/** Options that a picture's record holds, or that it cannot be drawn again with. */
const REMEMBERED: ReadonlySet<string> = new Set([
  ...["--steps", "--timesteps", "--sigmas", "--scheduler", "--eta", "--guidance", "--seed"],
  ...["--guidance-interval", "--gate-step", "--gate-interval"],
  ...["--negative", "--width", "--height", "--no-resolution-binning"],
  ...["--max-length", "--no-clean-caption", "--images"],
  ...["--init-image", "--strength", "--mask", "--controlnet", "--control-image"],
]);

/** `pixart sample MODEL PROMPTS…`: a PNG each, next to existing ones, and a contact sheet for several. */
export async function sampleCommand(
  model: string,
  prompts: readonly string[],
  options: SampleOptions,
): Promise<void> {
  const processes = processesOf(options);
  if (processes === "launch") {
    process.exitCode = await launch(options);
    return;
  }
  const world = await processes.join();
  await exitIfRankLost(world, () => draw(world, model, prompts, options));
}

/** Draws this process's share of the pictures, or of the work on a single one. */
async function draw(
  world: World,
  model: string,
  prompts: readonly string[],
  options: SampleOptions,
): Promise<void> {
  const plan = await planOf(prompts, options);
  const output = pictureOutput(options.out, plan.jobs.length);
  world.barrier(); // before one process creates files that another would find
  const device = drawingDevice(options.device, options, world);
  const { pipe, run } = await loadPipeline(model, { ...options, ...plan.changes, device });
  if (plan.call.controlImage !== undefined && pipe.controlnet === undefined)
    throw aloneError("--control-image");
  const hasPicture = plan.call.image !== undefined || plan.call.controlImage !== undefined;
  const side = run?.stage.resolution;
  const size = side === undefined || hasPicture ? {} : { width: side, height: side };
  await makeOutputFolder(output);
  const start = performance.now();
  const batches = inBatches(plan.jobs, options.batch);
  const { guidanceScale = pipe.defaults.guidanceScale, tgate } = plan.call;
  const hasTwoHalves = guidanceScale > 1 && tgate === undefined;
  const together = batches.length === 1 && world.size === 2 && hasTwoHalves;
  const own = together ? batches : world.share(batches);
  const warned = new Set<string>();
  const warnOnce = (message: string): void => {
    if (!warned.has(message)) say(`Warning: ${message}`);
    warned.add(message);
  };
  const numbers: number[] = [];
  using progress = new StepProgress(own.flat().length);
  for (const batch of own) {
    const result = await pipe(
      batch.map(({ prompt }) => prompt),
      {
        ...size,
        ...plan.call,
        generator: batch.map(({ seed }) => torch.generator(seed)),
        onWarning: warnOnce,
        onStep: ({ step, total }) => progress.step(batch.length, step / total),
        ...(together && {
          branches: {
            own: world.isFirst ? 0 : 1,
            gather: (prediction) => world.gatherRows(prediction),
          },
        }),
      },
    );
    if (!together || world.isFirst)
      for (const [i, image] of result.images.entries())
        numbers.push(await savePicture(image, output, batch[i] as DrawJob));
    progress.done(batch.length);
  }
  const saved = inOrder(batches, world.gather(numbers, plan.jobs.length), together);
  world.leave();
  if (!world.isFirst) return;
  sayRenamed(output, saved);
  const files = saved.map(({ job, number }) => pictureFile(output, job, number));
  const labels = plan.jobs.map(({ prompt }) => prompt);
  if ("folder" in output && files.length > 1)
    files.push(await saveSheet(files, labels, output.folder));
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  say(`${plan.jobs.length} picture${plan.jobs.length === 1 ? "" : "s"} in ${seconds} s`);
  printResult(options.json ? JSON.stringify({ files }) : files.join("\n"));
}

/** A run that trains a ControlNet brings its own. */
const aloneError = (alone: string): Error =>
  new UsageError(`Expected --controlnet and --control-image together but received ${alone}`);

interface Plan {
  readonly jobs: readonly DrawJob[];
  readonly call: PixArtAlphaOptions;
  readonly changes: Pick<PipelineChanges, "scheduler" | "recorded">;
}

/** What is drawn and how: from the options, or from the record of the picture given with `--from`. */
async function planOf(prompts: readonly string[], options: SampleOptions): Promise<Plan> {
  if (options.from !== undefined) return repeatPlan(options.from, prompts, options);
  if (prompts.length === 0)
    throw new UsageError('Expected at least one prompt, such as "a red apple, noto style"');
  if (options.controlnet !== undefined && options.controlImage === undefined)
    throw aloneError("--controlnet");
  const steps = ["--steps", "--timesteps", "--sigmas"].filter((flag) =>
    options.given.includes(flag),
  );
  if (steps.length > 1) {
    throw new UsageError(
      `Expected one of --steps, --timesteps and --sigmas but received ${steps.join(" and ")}`,
    );
  }
  const tgate = tgateOf(options);
  const given: Partial<PixArtAlphaOptions> = {
    ...(options.width !== undefined && { width: options.width }),
    ...(options.height !== undefined && { height: options.height }),
    ...(options.guidanceInterval && { guidanceInterval: intervalOf(options.guidanceInterval) }),
    ...(tgate && { tgate }),
    ...(options.eta !== undefined && { eta: options.eta }),
    ...(options.timesteps !== undefined && { timesteps: options.timesteps }),
    ...(options.sigmas !== undefined && { sigmas: options.sigmas }),
    ...(options.maxLength !== undefined && { maxSequenceLength: options.maxLength }),
    ...(options.initImage !== undefined && { image: await RgbImage.decode(options.initImage) }),
    ...(options.strength !== undefined && { strength: options.strength }),
    ...(options.mask !== undefined && { maskImage: await decodeMask(options.mask) }),
    ...(options.controlImage !== undefined && {
      controlImage: await RgbImage.decode(options.controlImage),
    }),
    ...(!options.resolutionBinning && { useResolutionBinning: false }),
  };
  return {
    jobs: drawJobs(prompts, options.images, options.seed),
    call: {
      ...given,
      ...(options.steps !== undefined && { numInferenceSteps: options.steps }),
      ...(options.guidance !== undefined && { guidanceScale: options.guidance }),
      negativePrompt: options.negative,
      cleanCaption: options.cleanCaption,
    },
    changes: {},
  };
}

function intervalOf(list: readonly number[]): GuidanceInterval {
  const [start, stop] = list;
  if (list.length === 2 && start !== undefined && stop !== undefined) return [start, stop];
  throw new UsageError(
    `Expected two numbers for --guidance-interval but received ${list.join(",")}`,
  );
}

function tgateOf({ gateStep, gateInterval }: SampleOptions): TgateOptions | undefined {
  if (gateStep !== undefined)
    return { gateStep, ...(gateInterval !== undefined && { spInterval: gateInterval }) };
  if (gateInterval === undefined) return undefined;
  throw new UsageError("Expected --gate-step together with --gate-interval");
}

async function repeatPlan(
  path: string,
  prompts: readonly string[],
  { given }: SampleOptions,
): Promise<Plan> {
  if (prompts.length > 0)
    throw new UsageError(`Expected no prompt together with --from ${path}, which has its own`);
  const record = await recordToRepeat(path);
  const others = given.filter((flag) => REMEMBERED.has(flag));
  if (others.length > 0) {
    throw new UsageError(
      `Expected no option that changes the picture together with --from ${path} but received ${others.join(" and ")}`,
    );
  }
  const { prompt, seed, width, height, sampler, extra = {} } = record;
  return {
    jobs: [{ prompt, seed }],
    call: {
      width,
      height,
      numInferenceSteps: record.steps,
      guidanceScale: record.guidanceScale,
      negativePrompt: record.negativePrompt ?? "",
      // Pictures from before captions could be cleaned have no such field.
      cleanCaption: extra.cleanCaption === true,
      ...(typeof extra.useResolutionBinning === "boolean" && {
        useResolutionBinning: extra.useResolutionBinning,
      }),
      ...(typeof extra.maxSequenceLength === "number" && {
        maxSequenceLength: extra.maxSequenceLength,
      }),
      ...(Array.isArray(extra.guidanceInterval) && {
        guidanceInterval: intervalOf(extra.guidanceInterval.map(Number)),
      }),
      // Its fields were checked with the record.
      ...(extra.tgate !== undefined && { tgate: extra.tgate as unknown as TgateOptions }),
      ...(typeof extra.eta === "number" && { eta: extra.eta }),
      ...(Array.isArray(extra.timesteps) && { timesteps: extra.timesteps.map(Number) }),
      ...(Array.isArray(extra.sigmas) && { sigmas: extra.sigmas.map(Number) }),
    },
    changes: { scheduler: sampler, recorded: record },
  };
}

interface SavedJob {
  readonly job: DrawJob;
  /** In its file's name. */
  readonly number: number;
}

/** All jobs in their order, with the numbers that each process gave its share of the batches; `numbers` are by rank. */
function inOrder(
  batches: readonly (readonly DrawJob[])[],
  numbers: readonly (readonly number[])[],
  together: boolean,
): SavedJob[] {
  const left = numbers.map((list) => [...list]);
  return batches.flatMap((batch, i) => {
    const own = left[together ? 0 : i % left.length];
    return batch.map((job) => ({ job, number: own?.shift() ?? 1 }));
  });
}
