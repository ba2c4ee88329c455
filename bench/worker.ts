/** Our side of all.ts, as worker.py is Python's: a request as argument, an answer when loaded and for each line of stdin. */
import { join } from "node:path";
import { createInterface } from "node:readline";
import { AutoencoderKL, PixArtTransformer2DModel, T5EncoderModel } from "../src/models/index.ts";
import { PixArtAlphaPipeline } from "../src/pipelines/index.ts";
import * as torch from "../src/torch/index.ts";
import { readSafetensors } from "../src/weights/index.ts";
import type { WorkerRequest } from "./sides.ts";

const request = JSON.parse(process.argv[2] ?? "") as WorkerRequest;
const { folder, dtype = "float32", quantize, trims = false, prompts = [] } = request;
const inputs = readSafetensors(join(folder, "inputs.safetensors"));

/** What computes an output. `turn` counts the runs. */
type Run = (turn: number) => torch.Tensor | Promise<torch.Tensor>;

/** The caption's real tokens, or all. */
const captionLength = (mask: torch.Tensor): number =>
  trims ? mask.sum([1]).amax().item() : mask.size(1);

async function transformer(): Promise<Run> {
  const model = await PixArtTransformer2DModel.fromPretrained(folder, { dtype, quantize });
  const mask = inputs.tensor("mask"); // (B, L)
  const length = captionLength(mask);
  const wanted = { dtype: model.dtype };
  const addedCondKwargs = {
    resolution: inputs.tensor("resolution").to(wanted),
    aspectRatio: inputs.tensor("aspect_ratio").to(wanted),
  };
  const given = {
    encoderHiddenStates: inputs.tensor("caption").narrow(1, 0, length).to(wanted),
    encoderAttentionMask: mask.narrow(1, 0, length),
    timestep: inputs.tensor("timestep"),
    addedCondKwargs,
  };
  const latents = inputs.tensor("latents").to(wanted);
  return () => torch.noGrad(() => model.call(latents, given));
}

async function vae(): Promise<Run> {
  const model = await AutoencoderKL.fromPretrained(folder, { dtype });
  const latents = inputs.tensor("latents").to({ dtype: model.dtype });
  return () => torch.noGrad(() => model.decode(latents));
}

async function t5(): Promise<Run> {
  const model = await T5EncoderModel.fromPretrained(folder, { dtype, quantize });
  const mask = inputs.tensor("mask");
  const length = captionLength(mask);
  const inputIds = inputs.tensor("ids").narrow(1, 0, length);
  const attentionMask = mask.narrow(1, 0, length);
  return () => torch.noGrad(() => model.call(inputIds, { attentionMask }));
}

/** The text encoder stays loaded, in bfloat16 as it is stored; with `quantize` it has 8-bit weights too. */
async function pipeline(): Promise<Run> {
  const subfolder = "text_encoder";
  const textEncoder =
    quantize === undefined
      ? await T5EncoderModel.fromPretrained(folder, { subfolder, dtype: "auto" })
      : await T5EncoderModel.fromPretrained(folder, { subfolder, quantize });
  const pipe = await PixArtAlphaPipeline.fromPretrained(folder, { dtype, quantize, textEncoder });
  const latents = inputs.tensor("latents");
  return async (turn) => {
    const [prompt = "", negativePrompt = ""] = prompts.map((text) =>
      text.replace("TURN", String(turn)),
    );
    const options = { numInferenceSteps: request.steps ?? 20, guidanceScale: 4.5, latents };
    const { images } = await pipe(prompt, { ...options, negativePrompt, outputType: "float" });
    return images;
  };
}

/** ‖output − reference‖ / ‖reference‖; of a caption's states those of the real tokens. */
function errorOf(output: torch.Tensor, path: string): number {
  using file = readSafetensors(path);
  const real = request.model === "t5" ? inputs.tensor("mask").sum().item() : undefined;
  const [ours, theirs] = [output, file.tensor("output")].map((one) =>
    (real === undefined ? one : one.narrow(1, 0, real)).to({ dtype: "float64" }),
  );
  if (ours === undefined || theirs === undefined) throw new Error("nothing to compare");
  return ours.sub(theirs).norm().item() / theirs.norm().item();
}

const answer = (values: object): boolean => process.stdout.write(`${JSON.stringify(values)}\n`);

async function main(): Promise<void> {
  torch.setThreads(request.threads);
  const run = await { transformer, vae, t5, pipeline }[request.model]();
  let output = torch.zeros([]);
  answer({});
  for await (const line of createInterface({ input: process.stdin })) {
    const question = JSON.parse(line) as { readonly run?: number; readonly compare?: string };
    if (question.compare !== undefined) {
      answer({ error: errorOf(output, question.compare) });
      continue;
    }
    output.dispose();
    const start = performance.now();
    output = await run(question.run ?? 0);
    answer({ seconds: (performance.now() - start) / 1000 });
  }
}

await main().catch((error: unknown) => {
  answer({ failed: String(error) });
  throw error;
});
