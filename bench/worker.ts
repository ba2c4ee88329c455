/** Our side of all.ts, as worker.py is Python's: a request as argument, an answer when loaded and for each line of stdin. */
import { join } from "node:path";
import { createInterface } from "node:readline";
import { AutoencoderKL, PixArtTransformer2DModel, T5EncoderModel } from "../src/models/index.ts";
import { PixArtAlphaPipeline } from "../src/pipelines/index.ts";
import * as torch from "../src/torch/index.ts";
import { readSafetensors, type SafetensorsFile } from "../src/weights/index.ts";
import type { WorkerRequest } from "./sides.ts";

const request = JSON.parse(process.argv[2] ?? "") as WorkerRequest;
const { folder, device = "cpu", dtype = "float32", quantize, trims = false } = request;
const { prompts = [], repeat = 1 } = request;
const place = { dtype, device };
let inputs: SafetensorsFile | undefined; // a product has none
const input = (name: string): torch.Tensor => {
  inputs ??= readSafetensors(join(folder, "inputs.safetensors"));
  return inputs.tensor(name, { device });
};

/** What computes an output. `turn` counts the runs. */
type Run = (turn: number) => torch.Tensor | Promise<torch.Tensor>;

/** The caption's real tokens, or all. */
const captionLength = (mask: torch.Tensor): number =>
  trims ? mask.sum([1]).amax().item() : mask.size(1);

async function transformer(): Promise<Run> {
  const model = await PixArtTransformer2DModel.fromPretrained(folder, { ...place, quantize });
  const mask = input("mask"); // (B, L)
  const length = captionLength(mask);
  const wanted = { dtype: model.dtype };
  const addedCondKwargs = {
    resolution: input("resolution").to(wanted),
    aspectRatio: input("aspect_ratio").to(wanted),
  };
  const given = {
    encoderHiddenStates: input("caption").narrow(1, 0, length).to(wanted),
    encoderAttentionMask: mask.narrow(1, 0, length),
    timestep: input("timestep"),
    addedCondKwargs,
  };
  const latents = input("latents").to(wanted);
  return () => torch.noGrad(() => model.call(latents, given));
}

async function vae(): Promise<Run> {
  const model = await AutoencoderKL.fromPretrained(folder, place);
  const latents = input("latents").to({ dtype: model.dtype });
  return () => torch.noGrad(() => model.decode(latents));
}

async function t5(): Promise<Run> {
  const model = await T5EncoderModel.fromPretrained(folder, { ...place, quantize });
  const mask = input("mask");
  const length = captionLength(mask);
  const inputIds = input("ids").narrow(1, 0, length);
  const attentionMask = mask.narrow(1, 0, length);
  return () => torch.noGrad(() => model.call(inputIds, { attentionMask }));
}

/** The text encoder stays loaded, in bfloat16 as it is stored; with `quantize` it has 8-bit weights too. */
async function pipeline(): Promise<Run> {
  const subfolder = "text_encoder";
  const textEncoder =
    quantize === undefined
      ? await T5EncoderModel.fromPretrained(folder, { subfolder, dtype: "auto", device })
      : await T5EncoderModel.fromPretrained(folder, { subfolder, quantize });
  const pipe = await PixArtAlphaPipeline.fromPretrained(folder, {
    ...place,
    quantize,
    textEncoder,
  });
  const latents = input("latents");
  return async (turn) => {
    const [prompt = "", negativePrompt = ""] = prompts.map((text) =>
      text.replace("TURN", String(turn)),
    );
    const options = { numInferenceSteps: request.steps ?? 20, guidanceScale: 4.5, latents };
    const { images } = await pipe(prompt, { ...options, negativePrompt, outputType: "float" });
    return images;
  };
}

/** As many numbers as a GPU needs to be busy. */
function product(): Run {
  const side = request.side ?? 1;
  const [x, y] = [1, 2].map((seed) =>
    torch.randn([side, side], { generator: torch.generator(seed) }).to(place),
  ) as [torch.Tensor, torch.Tensor];
  return () => torch.noGrad(() => x.matmul(y));
}

/** The same work as one recorded graph. */
function recorded(run: Run): Run {
  const graph = torch.RecordedGraph.record(device, () => run(0) as torch.Tensor);
  return () => {
    graph.replay();
    return graph.output.detach();
  };
}

/** Waits until a device has done what was asked of it. */
const settle = (output: torch.Tensor): unknown =>
  torch.tidy(() => output.reshape([-1]).narrow(0, 0, 1).tolist());

/** ‖output − reference‖ / ‖reference‖; of a caption's states those of the real tokens. */
function errorOf(output: torch.Tensor, path: string): number {
  using file = readSafetensors(path);
  const real = request.model === "t5" ? input("mask").sum().item() : undefined;
  const [ours, theirs] = [output, file.tensor("output")].map((one) =>
    (real === undefined ? one : one.narrow(1, 0, real)).to({ dtype: "float64", device: "cpu" }),
  );
  if (ours === undefined || theirs === undefined) throw new Error("nothing to compare");
  return ours.sub(theirs).norm().item() / theirs.norm().item();
}

const answer = (values: object): boolean => process.stdout.write(`${JSON.stringify(values)}\n`);

async function main(): Promise<void> {
  torch.setThreads(request.threads);
  const run = await { transformer, vae, t5, pipeline, product }[request.model]();
  const work = request.graph ? recorded(run) : run;
  let output = torch.zeros([]);
  answer({});
  for await (const line of createInterface({ input: process.stdin })) {
    const question = JSON.parse(line) as { readonly run?: number; readonly compare?: string };
    if (question.compare !== undefined) {
      answer({ error: errorOf(output, question.compare) });
      continue;
    }
    const start = performance.now();
    for (let i = 0; i < repeat; i++) {
      output.dispose();
      output = await work(question.run ?? 0);
    }
    settle(output);
    const seconds = (performance.now() - start) / 1000 / repeat;
    answer({ seconds, peak: torch.deviceMemory(device)?.peak });
  }
}

await main().catch((error: unknown) => {
  answer({ failed: String(error) });
  throw error;
});
