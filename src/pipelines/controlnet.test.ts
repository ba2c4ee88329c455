import { expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import { RgbImage } from "../images/index.ts";
import {
  AutoencoderKL,
  PixArtControlNetAdapterModel,
  PixArtTransformer2DModel,
} from "../models/index.ts";
import { construct } from "../nn/index.ts";
import { DPMSolverMultistepScheduler } from "../schedulers/index.ts";
import { T5Tokenizer } from "../text/index.ts";
import * as torch from "../torch/index.ts";
import { generationRecords } from "./generation-record.ts";
import { PixArtAlphaPipeline } from "./published/from-pretrained.ts";

const tokenizer = T5Tokenizer.fromCaptions(["a red fox in the snow"], { vocabSize: 40 });

const transformerOf = (attentionHeadDim = 8): PixArtTransformer2DModel =>
  new PixArtTransformer2DModel({
    sampleSize: 8,
    numLayers: 2,
    attentionHeadDim,
    numAttentionHeads: 2,
    captionChannels: 16,
    crossAttentionDim: 2 * attentionHeadDim,
  });

/** A pipeline without text encoder, and a control part that has learned something. */
const build = (hasControlNet = true): PixArtAlphaPipeline =>
  construct({ generator: torch.generator(3) }, () => {
    const transformer = transformerOf();
    const controlnet = PixArtControlNetAdapterModel.fromTransformer(transformer, { numLayers: 1 });
    torch.noGrad(() => {
      for (const weight of controlnet.parameters()) weight.add_(0.1);
    });
    return PixArtAlphaPipeline.create({
      tokenizer,
      textEncoder: null,
      transformer,
      controlnet: hasControlNet ? controlnet : undefined,
      vae: new AutoencoderKL({ blockOutChannels: [8, 8], normNumGroups: 4 }),
      scheduler: DPMSolverMultistepScheduler.fromConfig(),
    });
  });

const stripes = new RgbImage(
  16,
  16,
  Uint8Array.from({ length: 768 }, (_, i) => (i % 12 < 6 ? 0 : 255)),
);
const states = (tokens: number): { embeds: torch.Tensor; mask: torch.Tensor } => ({
  embeds: torch.randn([1, tokens, 16], { generator: torch.generator(tokens) }),
  mask: torch.ones([1, tokens], { dtype: "int64" }),
});
const [towards, away] = [states(5), states(2)];
const options = () => ({
  promptEmbeds: towards.embeds,
  promptAttentionMask: towards.mask,
  negativePromptEmbeds: away.embeds,
  negativePromptAttentionMask: away.mask,
  numInferenceSteps: 3,
  generator: torch.generator(1),
});
const draw = async (pipe: PixArtAlphaPipeline, more: object = {}): Promise<Float32Array> => {
  using images = (await pipe(null, { ...options(), ...more, outputType: "float" })).images;
  return images.toFloat32Array();
};

it("lets pictures follow another, and begin from one besides", async () => {
  const pipe = build();
  const plain = await draw(pipe);
  const led = await draw(pipe, { controlImage: stripes });
  expect(led).not.toEqual(plain);
  expect(await draw(pipe, { controlImage: stripes })).toEqual(led);
  const grey = RgbImage.filled(16, 16, [99, 99, 99]);
  const both = await draw(pipe, { controlImage: stripes, image: grey });
  expect(both).not.toEqual(await draw(pipe, { image: grey }));
  expect(both).not.toEqual(led);
});

it("draws without a control picture what a pipeline without a controlnet draws", async () => {
  expect(await draw(build())).toEqual(await draw(build(false)));
});

it("begins from the same noise with a control picture and without", async () => {
  const pipe = build();
  const request = pipe.checkInputs(null, { ...options(), controlImage: stripes });
  using noise = (await pipe.prepareLatents(request)).latents;
  using alone = (await pipe.prepareLatents(pipe.checkInputs(null, options()))).latents;
  expect(noise.equal(alone)).toBe(true);
  using control = await pipe.prepareControl(request);
  expect(control?.shape).toEqual([1, 4, 8, 8]);
});

it("stays flat in memory, and is given back by dispose()", async () => {
  collectGarbage();
  const before = torch.memory().tensors;
  const pipe = build();
  const started = torch.memory().tensors;
  await draw(pipe, { controlImage: stripes });
  await draw(pipe, { controlImage: stripes });
  const failing = draw(pipe, {
    controlImage: stripes,
    onStep: () => {
      throw new Error("no more");
    },
  });
  await expect(failing).rejects.toThrow("no more");
  // Sines of the positions are kept by size.
  expect(torch.memory().tensors).toBeLessThanOrEqual(started + 1);
  pipe.dispose();
  expect(torch.memory().tensors).toBe(before);
});

it("says in a picture's record that it followed another", async () => {
  const record = async (more: object) => {
    const request = build().checkInputs("a fox", { generator: torch.generator(1), ...more });
    const [first] = await generationRecords(request, "dpm-solver++", async () => ({}));
    return first?.extra;
  };
  expect(await record({ controlImage: stripes })).toMatchObject({ controlImage: true });
  expect(await record({})).not.toHaveProperty("controlImage");
});

it("refuses a controlnet of another width, dtype, or none", async () => {
  const [controlnet, { transformer, vae, scheduler }] = [build().controlnet, build()];
  const parts = { transformer: transformerOf(16), vae, scheduler, tokenizer, textEncoder: null };
  expect(() => PixArtAlphaPipeline.create({ ...parts, controlnet })).toThrow(
    "Expected the transformer's attentionHeadDim, 16, for the control blocks but received 8",
  );
  controlnet?.to({ dtype: "bfloat16" });
  const mixed = PixArtAlphaPipeline.create({ ...parts, transformer, controlnet });
  await expect(draw(mixed, { controlImage: stripes })).rejects.toThrow(
    "Expected the transformer's dtype and device, float32 on cpu, for controlnet but received bfloat16 on cpu",
  );
  await expect(draw(build(false), { controlImage: stripes })).rejects.toThrow(
    "Expected no controlImage without a controlnet but received a picture; load the pipeline with { controlnet }",
  );
});
