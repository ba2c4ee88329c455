import { parentPort, workerData } from "node:worker_threads";
import { InternalError } from "../../errors/index.ts";
import { memory, type Tensor } from "../../torch/index.ts";
import { imagesFromTensor } from "../generated-image.ts";
import {
  DiffusionPipeline,
  PixArtAlphaPipeline,
  PixArtSigmaPipeline,
} from "../published/from-pretrained.ts";
import { disposeUnpacked, Packing, unpack } from "./packing.ts";
import { sendError } from "./sent-error.ts";
import type { DrawMessage, FromWorker, ToWorker, WorkerSetup } from "./worker-messages.ts";

// Entry point of the worker thread of a pipeline.

const port = parentPort;
if (port === null) throw new InternalError("Expected to be run by a worker thread");
const tell = (message: FromWorker, transfer: readonly ArrayBuffer[] = []): void =>
  port.postMessage(message, transfer);
const onWarning = (message: string): void => tell({ type: "warning", message });

type Step = Parameters<NonNullable<NonNullable<Parameters<PixArtAlphaPipeline>[1]>["onStep"]>>[0];

/** The current call. */
let call: { readonly stop: AbortController; heard?: () => void } | undefined;

const classes = { DiffusionPipeline, PixArtAlphaPipeline, PixArtSigmaPipeline };
const { pipeline, place, options } = workerData as WorkerSetup;
try {
  const pipe = await classes[pipeline].fromPretrained(place, { ...options, onWarning });
  listen(pipe);
  tell({ type: "loaded" });
} catch (error) {
  tell({ type: "refused", error: sendError(error) });
}

function listen(pipe: PixArtAlphaPipeline): void {
  let work = Promise.resolve();
  const stop = (): void => {
    call?.stop.abort();
    call?.heard?.();
  };
  port?.on("message", (message: ToWorker) => {
    switch (message.type) {
      case "draw":
        work = draw(pipe, message);
        break;
      case "continue":
        call?.heard?.();
        break;
      case "stop":
        stop();
        break;
      case "memory":
        tell({ type: "memory", ...memory() });
        break;
      case "end":
        stop();
        void work.then(() => {
          pipe.dispose();
          port.close();
        });
    }
  });
}

async function draw(pipe: PixArtAlphaPipeline, message: DrawMessage): Promise<void> {
  const stop = new AbortController();
  call = { stop };
  const given: [name: string, value: unknown][] = [];
  try {
    for (const [name, value] of Object.entries(message.options)) given.push([name, unpack(value)]);
    const { images } = await pipe(message.prompt, {
      ...Object.fromEntries(given),
      signal: stop.signal,
      onWarning,
      ...(message.tellsSteps && { onStep: (step) => tellStep(pipe, step, message) }),
    });
    post((packing) => ({ type: "drawn", images: packing.pack(images) }));
    disposeUnpacked(images);
  } catch (error) {
    tell({ type: "failed", error: sendError(error) });
  } finally {
    call = undefined;
    for (const [, value] of given) disposeUnpacked(value);
  }
}

/** Reports a step, and waits until the caller has handled it: its tensors are valid until the next step. */
async function tellStep(
  pipe: PixArtAlphaPipeline,
  { latents, original, ...progress }: Step,
  { previewSteps }: DrawMessage,
): Promise<void> {
  const heard = new Promise<void>((resolve) => {
    if (call !== undefined) call.heard = resolve;
  });
  const previews = previewSteps.includes(progress.step) ? previewsOf(pipe, original) : undefined;
  post((packing) => ({
    type: "step",
    ...progress,
    latents: packing.pack(latents),
    original: packing.pack(original),
    previews: packing.pack(previews),
  }));
  await heard;
  call?.stop.signal.throwIfAborted();
}

function previewsOf(pipe: PixArtAlphaPipeline, latents: Tensor): unknown {
  using pictures = pipe.decode(latents);
  return imagesFromTensor(pictures);
}

function post(message: (packing: Packing) => FromWorker): void {
  const packing = new Packing(true);
  tell(message(packing), packing.transfer);
}
