import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AutoencoderKL,
  DPMSolverMultistepScheduler,
  InvalidTypeError,
  InvalidValueError,
  PixArtAlphaPipeline,
  PixArtTransformer2DModel,
  pipelineFromRun,
  RgbImage,
  readSafetensors,
  T5Tokenizer,
} from "pixart";
import * as entry from "pixart/torch";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TINY_TRANSFORMER } from "../fixtures/tiny-pipeline.ts";

const { torch } = entry;
let folder: string;
let pipe: PixArtAlphaPipeline;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pixart-error-codes-"));
  pipe = PixArtAlphaPipeline.create({
    tokenizer: T5Tokenizer.fromCaptions(["a fox"], { vocabSize: 20 }),
    textEncoder: null,
    transformer: new PixArtTransformer2DModel(TINY_TRANSFORMER),
    vae: new AutoencoderKL({ blockOutChannels: [8, 8], normNumGroups: 4 }),
    scheduler: DPMSolverMultistepScheduler.fromConfig(),
  });
});
afterAll(() => {
  pipe.dispose();
  rmSync(folder, { recursive: true });
});

/** What a call throws or rejects with. */
async function thrown(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

describe("codes and names of errors", () => {
  it("a step before its schedule", async () => {
    const x = torch.zeros([1, 4, 8, 8]);
    const scheduler = DPMSolverMultistepScheduler.fromConfig();
    expect(await thrown(() => scheduler.step(x, 0, x))).toMatchObject({
      name: "InvalidStateError",
      code: "ERR_INVALID_STATE",
    });
  });

  it("a wrong value, and a wrong type", async () => {
    const value = await thrown(() => pipe("a fox", { guidanceScale: Number.NaN }));
    expect(value).toMatchObject({ name: "InvalidValueError", code: "ERR_INVALID_VALUE" });
    expect(value).toBeInstanceOf(InvalidValueError);
    expect(value).toBeInstanceOf(RangeError);
    const guidanceScale = "4.5" as unknown as number;
    const type = await thrown(() => pipe("a fox", { guidanceScale }));
    expect(type).toMatchObject({ name: "InvalidTypeError", code: "ERR_INVALID_TYPE" });
    expect(type).toBeInstanceOf(InvalidTypeError);
    expect(type).toBeInstanceOf(TypeError);
    expect(entry.InvalidTypeError).toBe(InvalidTypeError);
  });

  it("an operator's argument of another type, and a shape that it refuses", async () => {
    const x = torch.zeros([2]);
    expect(await thrown(() => x.softmax("last" as unknown as number))).toMatchObject({
      name: "InvalidTypeError",
      code: "ERR_INVALID_TYPE",
    });
    expect(await thrown(() => x.add(torch.zeros([3])))).toMatchObject({
      name: "TorchError",
      code: "ERR_TORCH",
    });
    x.dispose();
    expect(await thrown(() => x.add(1))).toMatchObject({
      name: "TensorDisposedError",
      code: "ERR_TENSOR_DISPOSED",
    });
  });

  it("a model, a run, a picture and weights that are not there, or are none", async () => {
    const missing = join(folder, "missing");
    expect(await thrown(() => PixArtAlphaPipeline.fromPretrained(missing))).toMatchObject({
      name: "InvalidValueError",
      code: "ERR_INVALID_VALUE",
    });
    expect(await thrown(() => pipelineFromRun(missing, true))).toMatchObject({
      name: "RunError",
      code: "ERR_NO_RUN",
    });
    expect(await thrown(() => RgbImage.decode(new Uint8Array(9)))).toMatchObject({
      name: "ImageError",
      code: "ERR_IMAGE",
    });
    expect(await thrown(() => readSafetensors(missing))).toMatchObject({
      name: "MissingFileError",
      code: "ERR_MISSING_FILE",
      path: missing,
    });
    const bad = join(folder, "bad.safetensors");
    writeFileSync(bad, "no weights");
    expect(await thrown(() => readSafetensors(bad))).toMatchObject({
      name: "BadFileError",
      code: "ERR_BAD_FILE",
      path: bad,
    });
  });

  it("weights of another model", async () => {
    const model = new PixArtTransformer2DModel({ numLayers: 1, sampleSize: 8 });
    expect(await thrown(() => model.loadStateDict(new Map()))).toMatchObject({
      name: "IncompatibleError",
      code: "ERR_INCOMPATIBLE",
    });
    model.dispose();
  });
});
