import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { inspect } from "node:util";
import { Worker } from "node:worker_threads";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import { TINY_TEXT_ENCODER, TINY_TRANSFORMER } from "../../../test/fixtures/tiny-pipeline.ts";
import { WorkerEndedError } from "../../errors/index.ts";
import { RgbImage } from "../../images/index.ts";
import { AutoencoderKL, PixArtTransformer2DModel, T5EncoderModel } from "../../models/index.ts";
import { DPMSolverMultistepScheduler } from "../../schedulers/index.ts";
import { T5Tokenizer } from "../../text/index.ts";
import * as torch from "../../torch/index.ts";
import { BadFileError } from "../../weights/index.ts";
import { DiffusionPipeline, PixArtAlphaPipeline } from "../published/from-pretrained.ts";
import type { PipelineInWorker } from "./in-worker.ts";
import type { WorkerCallOptions, WorkerStep } from "./worker-options.ts";

/** Writes a pipeline of random weights. */
async function writeTinyPipeline(folder: string): Promise<void> {
  torch.manualSeed(5);
  const tokenizer = T5Tokenizer.fromCaptions(["a red fox in the snow"], { vocabSize: 40 });
  const pipe = PixArtAlphaPipeline.create({
    tokenizer,
    textEncoder: new T5EncoderModel({
      vocabSize: tokenizer.vocabSize,
      ...TINY_TEXT_ENCODER,
    }),
    transformer: new PixArtTransformer2DModel(TINY_TRANSFORMER),
    vae: new AutoencoderKL({ blockOutChannels: [8, 8], normNumGroups: 4 }),
    scheduler: DPMSolverMultistepScheduler.fromConfig(),
  });
  await pipe.savePretrained(folder);
  pipe.dispose();
}

const fast = { numInferenceSteps: 3, maxSequenceLength: 16, seed: 1 };

let folder: string;
let here: PixArtAlphaPipeline;
let pipe: PipelineInWorker;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixart-in-worker-"));
  await writeTinyPipeline(folder);
  here = await PixArtAlphaPipeline.fromPretrained(folder);
  pipe = await PixArtAlphaPipeline.inWorker(folder);
});
afterEach(() => vi.restoreAllMocks());
afterAll(async () => {
  here.dispose();
  await pipe.dispose();
  await rm(folder, { recursive: true });
});

describe("a pipeline in a worker", () => {
  it("draws the pictures that this thread draws, with their metadata", async () => {
    const picture = RgbImage.filled(16, 16, [200, 30, 30]);
    const calls: [string | string[], WorkerCallOptions<"image">][] = [
      ["a fox", fast],
      [["a fox", "snow"], { ...fast, negativePrompt: "red", guidanceScale: 3 }],
      ["a fox", { ...fast, image: picture, strength: 0.5 }],
      ["a fox", { ...fast, numInferenceSteps: 4, tgate: { gateStep: 2 } }],
    ];
    for (const [prompt, options] of calls) {
      expect(await pipe(prompt, options)).toEqual(await here(prompt, options));
    }
    expect(picture.data).toHaveLength(16 * 16 * 3); // a copy went there
  });

  it("gives and takes tensors, and frees them", async () => {
    using latents = torch.randn([1, 4, 8, 8], { generator: torch.generator(3) });
    const { seed: _, ...seedless } = fast;
    await pipe("a fox", fast);
    collectGarbage();
    const before = [torch.memory().tensors, (await pipe.memory()).tensors];
    for (const outputType of ["float", "latent"] as const) {
      const options = { ...seedless, latents, outputType };
      const [theirs, ours] = [await pipe("a fox", options), await here("a fox", options)];
      expect(theirs.images.shape).toEqual(ours.images.shape);
      expect(theirs.images.tolist()).toEqual(ours.images.tolist());
      for (const { images } of [theirs, ours]) images.dispose();
    }
    expect(latents.shape).toEqual([1, 4, 8, 8]);
    collectGarbage();
    expect([torch.memory().tensors, (await pipe.memory()).tensors]).toEqual(before);
  });

  it("tells of each step, waits for who hears of it, and decodes previews", async () => {
    const steps: Pick<WorkerStep, "step" | "total" | "timestep">[] = [];
    const previews: unknown[] = [];
    const latents: unknown[] = [];
    let isHearing = false;
    const { images } = await pipe("a fox", {
      ...fast,
      previewSteps: [1, 3],
      onStep: async ({ step, total, timestep, previews: made, ...tensors }) => {
        expect(isHearing).toBe(false);
        isHearing = true;
        await new Promise((resolve) => setTimeout(resolve, 20));
        isHearing = false;
        steps.push({ step, total, timestep });
        previews.push(made?.map(({ data }) => data));
        latents.push(tensors.latents.tolist());
      },
    });
    const expected: typeof steps = [];
    const expectedLatents: unknown[] = [];
    await here("a fox", {
      ...fast,
      onStep: ({ step, total, timestep, latents }) => {
        expected.push({ step, total, timestep });
        expectedLatents.push(latents.tolist());
      },
    });
    expect(steps).toEqual(expected);
    expect(latents).toEqual(expectedLatents);
    expect(previews).toEqual([
      [expect.any(Uint8Array)],
      undefined,
      [images[0]?.data], // the last step's is the picture
    ]);
  });

  it("draws one call after the other, each as if alone", async () => {
    const ends: number[] = [];
    const seeds = [1, 2, 3];
    const together = await Promise.all(
      seeds.map(async (seed) => {
        const { images } = await pipe("a fox", { ...fast, seed });
        ends.push(seed);
        return images[0]?.data;
      }),
    );
    expect(ends).toEqual(seeds);
    for (const [i, seed] of seeds.entries()) {
      const { images } = await here("a fox", { ...fast, seed });
      expect(together[i]).toEqual(images[0]?.data);
    }
  });

  it("stops before the next step by a signal, also what waits for its turn", async () => {
    const running = new AbortController();
    const waiting = new AbortController();
    const steps: number[] = [];
    const first = pipe("a fox", {
      ...fast,
      numInferenceSteps: 50,
      signal: running.signal,
      onStep: ({ step }) => {
        steps.push(step);
        if (step === 1) waiting.abort(new Error("not needed"));
        if (step === 2) running.abort();
      },
    });
    const second = pipe("a fox", { ...fast, signal: waiting.signal });
    const third = pipe("a fox", fast);
    await expect(second).rejects.toThrow("not needed");
    expect(steps).toEqual([1]);
    const stopped: unknown = await first.catch((reason: unknown) => reason);
    expect(stopped).toBe(running.signal.reason);
    expect(stopped).toMatchObject({ name: "AbortError" });
    expect(steps).toEqual([1, 2]);
    expect((await third).images).toHaveLength(1);
    await expect(pipe("a fox", { ...fast, signal: running.signal })).rejects.toBe(
      running.signal.reason,
    );
  });

  it("fails with what the caller's function threw, and draws on", async () => {
    const reason = new Error("on purpose");
    const fail = (): never => {
      throw reason;
    };
    await expect(pipe("a fox", { ...fast, onStep: fail })).rejects.toBe(reason);
    const long = { ...fast, onWarning: fail, maxSequenceLength: 2 };
    await expect(pipe("a red fox in the snow", long)).rejects.toBe(reason);
    const warnings: string[] = [];
    await pipe("a red fox in the snow", { ...long, onWarning: (text) => warnings.push(text) });
    expect(warnings).toHaveLength(1);
    expect((await pipe("a fox", fast)).images).toHaveLength(1);
  });

  it.each<[object, string]>([
    [{ steps: 5 }, "received steps (did you mean numInferenceSteps?)"],
    [{ width: 17 }, "Expected a multiple of"],
    [
      { generator: torch.generator(1) },
      "Expected no generator in a worker, which takes a seed instead, but received a Generator",
    ],
    [{ branches: {} }, "Expected no branches in a worker but received an Object"],
    [{ onStep: 1 }, "Expected a function for onStep but received 1"],
    [{ signal: 1 }, "Expected an AbortSignal for signal but received 1"],
    [{ previewSteps: [1] }, "Expected no previewSteps without onStep but received [1]"],
    [
      { previewSteps: [0], onStep: () => {} },
      "Expected a list of steps, counted from 1, for previewSteps but received [0]",
    ],
    [
      { image: { picture: () => {} } },
      "could not be cloned", // structured clone's own words
    ],
  ])("refuses %j", async (options, message) => {
    await expect(pipe("a fox", options)).rejects.toThrow(message);
  });

  it("refuses options that are none", async () => {
    await expect(pipe("a fox", 20 as unknown as object)).rejects.toThrow(
      "Expected an object of options for the call of a pipeline but received 20",
    );
  });

  it("takes back a tensor that the worker never got", async () => {
    using promptEmbeds = torch.zeros([1, 5, 16]);
    const before = torch.memory().tensors;
    const tgate = { gateStep: () => {} } as never;
    await expect(pipe(null, { ...fast, promptEmbeds, tgate })).rejects.toThrow("cloned");
    expect(torch.memory().tensors).toBe(before);
  });

  it("keeps the classes of errors, and what they hold", async () => {
    using disposed = torch.zeros([1, 4, 8, 8]);
    disposed.dispose();
    await expect(pipe("a fox", { ...fast, latents: disposed })).rejects.toBeInstanceOf(
      torch.TensorDisposedError,
    );
    const invalid = { name: "InvalidValueError", code: "ERR_INVALID_VALUE" };
    await expect(pipe("a fox", { ...fast, width: 17 })).rejects.toMatchObject(invalid);
    const other = await mkdtemp(join(folder, "other-"));
    const index = join(other, "model_index.json");
    await writeFile(index, '{"_class_name": "StableDiffusionPipeline"}');
    const [theirs, ours] = await Promise.all(
      [PixArtAlphaPipeline.inWorker(other), PixArtAlphaPipeline.fromPretrained(other)].map((made) =>
        Promise.resolve<unknown>(made).then(
          () => undefined,
          (error: unknown) => error,
        ),
      ),
    );
    expect(theirs).toBeInstanceOf(BadFileError);
    expect(theirs).toEqual(ours);
    expect((theirs as BadFileError).path).toBe(index);
  });

  it("loads all components itself", async () => {
    const refused = { vae: here.vae } as object;
    await expect(PixArtAlphaPipeline.inWorker(folder, refused)).rejects.toThrow(
      "Expected a place or a name, since the worker loads all components itself, for vae but received an AutoencoderKL",
    );
    await expect(
      PixArtAlphaPipeline.inWorker(folder, { schedular: "euler" } as object),
    ).rejects.toThrow("received schedular (did you mean scheduler?)");
    await using other = await DiffusionPipeline.inWorker(folder, {
      scheduler: "euler",
      dtype: "bfloat16",
    });
    const ours = await DiffusionPipeline.fromPretrained(folder, {
      scheduler: "euler",
      dtype: "bfloat16",
    });
    // Beside the other worker, which draws at the same time.
    const [theirs] = await Promise.all([other("a fox", fast), pipe("a fox", fast)]);
    expect(theirs).toEqual(await ours("a fox", fast));
    ours.dispose();
    expect(inspect(other)).toBe(`DiffusionPipeline of ${folder}, in a worker`);
  });

  it("says so where its thread ends, and is loaded again", async () => {
    let worker: Worker | undefined;
    const post = vi.spyOn(Worker.prototype, "postMessage");
    const other = await PixArtAlphaPipeline.inWorker(folder);
    const drawing = other("a fox", {
      ...fast,
      onStep: async () => {
        worker = post.mock.contexts.at(-1) as Worker;
        await worker.terminate();
      },
    });
    const waiting = other("a fox", fast);
    for (const call of [drawing, waiting, other("a fox", fast)]) {
      const error: unknown = await call.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(WorkerEndedError);
      expect(error).toMatchObject({
        code: "ERR_WORKER_ENDED",
        message: `The thread that drew with ${folder} ended: its exit code is 1. Load the pipeline again with inWorker()`,
      });
    }
    await expect(other.memory()).rejects.toThrow(WorkerEndedError);
    await other.dispose();
  });

  it("ends when it is disposed, whatever it draws", async () => {
    const other = await PixArtAlphaPipeline.inWorker(folder);
    const drawing = other("a fox", { ...fast, numInferenceSteps: 500 });
    const disposed = other.dispose();
    for (const call of [drawing, other("a fox", fast), other.memory()]) {
      await expect(call).rejects.toMatchObject({
        name: "WorkerEndedError",
        code: "ERR_PIPELINE_DISPOSED",
        message: `The pipeline of ${folder} in a worker was disposed`,
      });
    }
    await disposed;
    await other.dispose();
  });

  it("leaves this thread's event loop free", async () => {
    await using demo = await PixArtAlphaPipeline.inWorker("emoji-demo");
    const options = { seed: 0, numImagesPerPrompt: 4 };
    await demo("a fox, noto style", { ...options, numInferenceSteps: 1 });
    const delay = monitorEventLoopDelay({ resolution: 5 });
    const start = performance.now();
    delay.enable();
    await demo("a fox, noto style", { ...options, numInferenceSteps: 8 });
    delay.disable();
    const step = (performance.now() - start) / 8;
    // A step in this thread would hold the loop for its whole length; how long others hold the processor is not known.
    expect(delay.percentile(90) / 1e6).toBeLessThan(Math.max(20, step / 2));
  });
});
