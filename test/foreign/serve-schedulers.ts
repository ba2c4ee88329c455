/** Lets another process use this package's samplers: one JSON message a line on stdin, one answer a line on stdout. */
import { createInterface } from "node:readline";
import {
  NoiseSchedule,
  type NoiseSource,
  type Scheduler,
  schedulerFromConfig,
} from "../../src/schedulers/index.ts";
import * as torch from "../../src/torch/index.ts";

/** A tensor on the wire: its values as base64 of little-endian float32. */
interface WireTensor {
  readonly shape: readonly number[];
  readonly dtype: "float32" | "float16" | "bfloat16";
  readonly data: string;
}

interface Message {
  readonly method: "seed" | "make" | "plan" | "scale" | "step" | "addNoise";
  /** The scheduler's, or the seed of the default generator. */
  readonly id: number;
  readonly className?: string;
  readonly config?: Record<string, unknown>;
  readonly plan?: Parameters<Scheduler["setTimesteps"]>[0];
  readonly timestep?: number;
  readonly timesteps?: readonly number[];
  readonly tensors?: readonly WireTensor[];
  readonly eta?: number;
  /** A generator's name, which says whether it is new, and its seed. */
  readonly generator?: readonly [name: string, seed: number];
}

const schedulers = new Map<number, Scheduler>();
const generators = new Map<string, torch.Generator>();

function fromWire({ shape, dtype, data }: WireTensor): torch.Tensor {
  const bytes = Uint8Array.from(Buffer.from(data, "base64"));
  return torch.fromTypedArray(new Float32Array(bytes.buffer), [...shape]).to({ dtype });
}

function toWire(tensor: torch.Tensor): WireTensor {
  const values = tensor.float().toFloat32Array();
  const data = Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("base64");
  return { shape: tensor.shape, dtype: tensor.dtype as WireTensor["dtype"], data };
}

function generatorOf(given: Message["generator"]): NoiseSource | undefined {
  if (given === undefined) return undefined;
  const [name, seed] = given;
  const generator = generators.get(name) ?? torch.generator(seed);
  generators.set(name, generator);
  return generator;
}

const levelsOf = (scheduler: Scheduler): unknown => ({
  timesteps: scheduler.timesteps,
  sigmas: "sigmas" in scheduler ? scheduler.sigmas : null,
  initNoiseSigma: scheduler.initNoiseSigma,
});

function make({ id, config = {}, className }: Message): unknown {
  const scheduler = schedulerFromConfig(config, className);
  schedulers.set(id, scheduler);
  const own = scheduler.toConfig();
  const betas =
    "beta_start" in own
      ? NoiseSchedule.float32({
          betaStart: own.beta_start as number,
          betaEnd: own.beta_end as number,
          betaSchedule: own.beta_schedule as "linear",
          numTrainTimesteps: own.num_train_timesteps as number,
          trainedBetas: own.trained_betas as number[] | null,
          rescaleBetasZeroSnr: own.rescale_betas_zero_snr === true,
        })
      : undefined;
  return {
    initNoiseSigma: scheduler.initNoiseSigma,
    betas: betas && Array.from(betas.betas),
    alphasCumprod: betas && Array.from(betas.alphasCumprod),
  };
}

function answer(message: Message): unknown {
  if (message.method === "seed") {
    torch.manualSeed(message.id);
    return {};
  }
  if (message.method === "make") return make(message);
  const scheduler = schedulers.get(message.id);
  if (scheduler === undefined) throw new Error(`no scheduler ${message.id}`);
  const { plan = 1, timestep = Number.NaN, timesteps = [], eta } = message;
  if (message.method === "plan") {
    scheduler.setTimesteps(plan);
    return levelsOf(scheduler);
  }
  return torch.tidy(() => {
    const [first, second] = (message.tensors ?? []).map(fromWire);
    if (first === undefined) throw new Error("no tensor");
    if (message.method === "scale")
      return { sample: toWire(scheduler.scaleModelInput(first, timestep)) };
    if (second === undefined) throw new Error("no second tensor");
    if (message.method === "addNoise")
      return { sample: toWire(scheduler.addNoise(first, second, timesteps)) };
    const generator = generatorOf(message.generator);
    const { prevSample, predOriginalSample } = scheduler.step(first, timestep, second, {
      generator,
      eta,
    });
    return {
      sample: toWire(prevSample),
      original: scheduler.endsAtOriginal ? toWire(predOriginalSample) : undefined,
    };
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  let reply: unknown;
  try {
    reply = answer(JSON.parse(line) as Message);
  } catch (error) {
    reply = { refused: error instanceof Error ? error.message : String(error) };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
