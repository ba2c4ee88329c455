import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openShard } from "../../src/data/layouts/webdataset/shard-bytes.ts";
import { DiskFullError } from "../../src/files/write-error.ts";
import {
  AutoencoderKL,
  addAdapter,
  PixArtTransformer2DModel,
  T5EncoderModel,
} from "../../src/models/index.ts";
import { PixArtAlphaPipeline } from "../../src/pipelines/published/from-pretrained.ts";
import { publishAdapters, publishPipeline } from "../../src/pipelines/published/publish.ts";
import { DPMSolverMultistepScheduler } from "../../src/schedulers/index.ts";
import { T5Tokenizer } from "../../src/text/index.ts";
import * as torch from "../../src/torch/index.ts";
import { collectGarbage } from "../collect-garbage.ts";
import { canMount, smallDisk } from "../fixtures/small-disk.ts";
import { TINY_TEXT_ENCODER, TINY_TRANSFORMER } from "../fixtures/tiny-pipeline.ts";

const top = mkdtempSync(join(tmpdir(), "pixart-parts-"));
afterAll(() => rmSync(top, { recursive: true }));

/** Predicts noise so often and fails the next time. */
class TiringTransformer extends PixArtTransformer2DModel {
  static steps = Number.POSITIVE_INFINITY;

  override forward(
    ...args: Parameters<PixArtTransformer2DModel["forward"]>
  ): ReturnType<PixArtTransformer2DModel["forward"]> {
    if (TiringTransformer.steps-- <= 0) throw new Error("tired");
    return super.forward(...args);
  }
}

let pipe: PixArtAlphaPipeline;
const saved = join(top, "saved");
beforeAll(async () => {
  torch.manualSeed(5);
  const tokenizer = T5Tokenizer.fromCaptions(["a red fox in the snow"], { vocabSize: 40 });
  pipe = PixArtAlphaPipeline.create({
    tokenizer,
    textEncoder: new T5EncoderModel({
      vocabSize: tokenizer.vocabSize,
      ...TINY_TEXT_ENCODER,
    }),
    transformer: new TiringTransformer(TINY_TRANSFORMER),
    vae: new AutoencoderKL({ blockOutChannels: [8, 8], normNumGroups: 4 }),
    scheduler: DPMSolverMultistepScheduler.fromConfig(),
  });
  await pipe.savePretrained(saved);
});
beforeEach(async () => {
  TiringTransformer.steps = Number.POSITIVE_INFINITY;
  await pipe("warm up", { numInferenceSteps: 1, useResolutionBinning: false });
  collectGarbage();
});

const publishing = { dtype: "bfloat16", prompt: "a fox" } as const;

describe("fromPretrained", () => {
  it.each(["transformer", "vae"])("keeps nothing where the %s is damaged", async (part) => {
    const folder = join(top, `damaged-${part}`);
    cpSync(saved, folder, { recursive: true });
    truncateSync(join(folder, part, "diffusion_pytorch_model.safetensors"), 1000);
    const before = torch.memory().tensors;
    await expect(PixArtAlphaPipeline.fromPretrained(folder)).rejects.toThrow(part);
    expect(torch.memory().tensors).toBe(before);
  });
});

describe("publishPipeline", () => {
  it("keeps nothing of what it read back where that is not the same", async () => {
    const before = torch.memory().tensors;
    // A weight that is no number is not equal to itself; drawing needs none of the encoder's.
    const fill = (value: number): unknown =>
      torch.noGrad(() => pipe.vae.stateDict().get("encoder.conv_in.bias")?.fill_(value));
    fill(Number.NaN);
    const work = join(top, "nan");
    mkdirSync(work);
    await expect(publishPipeline(pipe, join(work, "out"), publishing)).rejects.toThrow(
      /^The published vae has other weights under encoder.conv_in.bias. What was written stays at .*\/nan\/\.tmp-out-[0-9a-f]{12}\/out for inspection$/,
    );
    fill(0);
    expect(torch.memory().tensors).toBe(before);
  });

  it.skipIf(!canMount)("leaves float32 weights, and nothing on a disk that is full", async () => {
    const disk = smallDisk(32);
    try {
      const error = await publishPipeline(pipe, join(disk.path, "out"), publishing).catch(
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(DiskFullError);
      expect((error as Error).message).toMatch(
        /\/out\/.*: expected to write \d+ bytes but found a full disk \(ENOSPC\); free some space or write elsewhere \(\d+ bytes free\)$/,
      );
      expect(pipe.transformer.projOut.weight.dtype).toBe("float32");
      expect(readdirSync(disk.path)).toEqual([]);
    } finally {
      disk.detach();
    }
  });
});

it("publishAdapters leaves adapters as they were where the picture without them fails", async () => {
  const transformer = addAdapter(pipe.transformer, {
    peftType: "LORA",
    targetModules: ["to_q"],
    r: 2,
  });
  TiringTransformer.steps = 4; // the first picture's
  const out = join(top, "adapter");
  const call = publishAdapters(pipe, { transformer, textEncoder: undefined }, out, publishing);
  await expect(call).rejects.toThrow("tired");
  expect(transformer.enabled).toBe(true);
  transformer.remove();
});

describe("openShard", () => {
  const handles = (): number => readdirSync("/proc/self/fd").length;

  it.skipIf(process.platform !== "linux")("leaves no handle of what cannot be read", async () => {
    const before = handles();
    for (let i = 0; i < 8; i++) {
      await expect(openShard(top)).rejects.toThrow("expected a tar but found a folder");
    }
    expect(handles()).toBe(before);
  });

  it("does not wait for who would write into a pipe", async () => {
    const path = join(top, "pipe.tar");
    execFileSync("mkfifo", [path]);
    await expect(openShard(path)).rejects.toThrow(
      `${path}: file: expected a tar but found a device, pipe or socket`,
    );
  });

  it("tries again where there was no place to unpack to", async () => {
    const path = join(top, "packed.tar");
    writeFileSync(path, gzipSync(Buffer.from("content")));
    const temporary = process.env.TMPDIR;
    try {
      process.env.TMPDIR = join(top, "nowhere");
      await expect(openShard(path)).rejects.toThrow(
        `${join(top, "nowhere")}: expected to make a file in it but found a place that is not there`,
      );
      process.env.TMPDIR = top;
      const shard = await openShard(path);
      expect((await shard.readAt(0, 100)).toString()).toBe("content");
    } finally {
      if (temporary === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = temporary;
    }
  });
});
