/** Our side of full-size.ts, a process a measurement: a JSON request as its argument, JSON on the last line of stdout. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AutoencoderKL, PixArtTransformer2DModel, T5EncoderModel } from "../src/models/index.ts";
import type { Module } from "../src/nn/index.ts";
import * as torch from "../src/torch/index.ts";
import { readSafetensors, writeSafetensors } from "../src/weights/index.ts";

/** What is to be measured. */
export interface SideRequest {
  readonly model: "t5" | "transformer" | "vae";
  readonly folder: string;
  readonly threads: number;
  readonly dtype: torch.DType | "auto";
  readonly quantize?: "int8";
  /** Whether padding is left out of the caption. */
  readonly trims?: boolean;
  readonly rounds: number;
  /** Where to leave the output, for others to be compared with. */
  readonly output?: string;
  /** Outputs to compare with, by what to call them. */
  readonly references: Readonly<Record<string, string>>;
}

/** Seconds, bytes, and ‖ours − reference‖ / ‖reference‖. */
export interface SideResult {
  readonly load: number;
  /** The first run, which reads the weights' pages. */
  readonly first: number;
  /** The best run. */
  readonly run: number;
  readonly peak: number;
  /** Resident bytes at the end that are pages of files, and those that are not. */
  readonly filePages: number;
  readonly ownPages: number;
  readonly errors: Readonly<Record<string, number>>;
}

const request = JSON.parse(process.argv[2] ?? "") as SideRequest;
torch.setThreads(request.threads);
const io = readSafetensors(join(request.folder, "io.safetensors"));

/** A model and one run of it. */
interface Prepared {
  readonly model: Module;
  readonly run: () => torch.Tensor;
  /** The part of a reference that has to be equal. */
  readonly compared: (reference: torch.Tensor) => torch.Tensor;
}

const { folder, dtype, quantize, trims = false } = request;

/** The caption's real tokens, or all. */
const captionLength = (mask: torch.Tensor): number => (trims ? mask.sum().item() : mask.size(1));

async function t5(): Promise<Prepared> {
  const model = await T5EncoderModel.fromPretrained(folder, { dtype, quantize });
  const mask = io.tensor("mask");
  const length = captionLength(mask);
  const inputIds = io.tensor("ids").narrow(1, 0, length);
  const attentionMask = mask.narrow(1, 0, length);
  const real = mask.sum().item();
  return {
    model,
    run: () => model.call(inputIds, { attentionMask }),
    compared: (states) => states.narrow(1, 0, real),
  };
}

async function transformer(): Promise<Prepared> {
  const model = await PixArtTransformer2DModel.fromPretrained(folder, { dtype, quantize });
  const mask = io.tensor("mask");
  const length = captionLength(mask);
  const wanted = { dtype: model.dtype };
  const addedCondKwargs = {
    resolution: io.tensor("resolution").to(wanted),
    aspectRatio: io.tensor("aspect_ratio").to(wanted),
  };
  const inputs = {
    encoderHiddenStates: io.tensor("caption").narrow(1, 0, length).to(wanted),
    encoderAttentionMask: mask.narrow(1, 0, length),
    timestep: io.tensor("timestep"),
    addedCondKwargs,
  };
  const latents = io.tensor("latents").to(wanted);
  return { model, run: () => model.call(latents, inputs), compared: (output) => output };
}

async function vae(): Promise<Prepared> {
  const model = await AutoencoderKL.fromPretrained(folder, { dtype });
  const latents = io.tensor("latents").to({ dtype: model.dtype });
  return { model, run: () => model.decode(latents), compared: (output) => output };
}

function status(field: string): number {
  const text = readFileSync("/proc/self/status", "utf8");
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text)?.[1]) * 1024;
}

const seconds = (since: number): number => (performance.now() - since) / 1000;

const start = performance.now();
const { run, compared } = await { t5, transformer, vae }[request.model]();
const load = seconds(start);
const runs: number[] = [];
let output = torch.zeros([]);
torch.noGrad(() => {
  for (let round = 0; round < request.rounds; round++) {
    output.dispose();
    const begin = performance.now();
    output = run();
    runs.push(seconds(begin));
  }
});
const peak = status("VmHWM");
const [filePages, ownPages] = [status("RssFile"), status("RssAnon")];
const errors = Object.entries(request.references).map(([name, path]) => {
  using file = readSafetensors(path);
  const [ours, theirs] = [output, file.tensor("output")].map((one) =>
    compared(one).to({ dtype: "float64" }),
  );
  if (ours === undefined || theirs === undefined) throw new Error("nothing to compare");
  return [name, ours.sub(theirs).norm().item() / theirs.norm().item()];
});
if (request.output !== undefined) {
  await writeSafetensors(request.output, new Map([["output", output]]));
}
const result: SideResult = {
  load,
  first: runs[0] ?? Number.NaN,
  run: Math.min(...runs),
  peak,
  filePages,
  ownPages,
  errors: Object.fromEntries(errors),
};
process.stdout.write(`${JSON.stringify(result)}\n`);
