import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  configFromJson,
  type ResolvedConfig,
  type ResolvedStage,
  type StageAdapterConfig,
} from "../../src/config/index.ts";
import { UnreadableLimit } from "../../src/data/unreadable-limit.ts";
import { freePort } from "../../src/distributed/free-port.ts";
import { T5EncoderModel } from "../../src/models/index.ts";
import { NoiseSchedule } from "../../src/schedulers/index.ts";
import { prepareCaption, T5Tokenizer } from "../../src/text/index.ts";
import * as torch from "../../src/torch/index.ts";
import { SampleOrder, SampleRng } from "../../src/training/contract/sample-rng.ts";
import { loadTrainingData } from "../../src/training/dataset/training-data.ts";
import {
  FrozenCaptions,
  LiveCaptions,
  openCaptionStore,
} from "../../src/training/features/captions.ts";
import { LatentStore } from "../../src/training/features/latent-store.ts";
import { Latents } from "../../src/training/features/latents.ts";
import { StageLoop } from "../../src/training/loop/stage-loop.ts";
import { frozenTextEncoder } from "../../src/training/models/models.ts";
import { RunModelLoader } from "../../src/training/models/run-model-loader.ts";
import { samplerFor } from "../../src/training/stages/denoising.ts";
import { TextToImageTask } from "../../src/training/stages/text-to-image.ts";
import { readSafetensors, writeSafetensors } from "../../src/weights/index.ts";
import { trainedIn, trainInProcesses } from "../fixtures/stage-of-processes.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { runPython } from "./python.ts";

const BASE = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const [STEPS, BATCH, SEED] = [10, 4, 3];
const OPTIMIZER = { lr: 1e-4, weightDecay: 0.03, eps: 1e-4 };
const CLIP = 0.5;
const folder = mkdtempSync(join(tmpdir(), "pixart-training-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Adapters {
  readonly adapter: StageAdapterConfig | null;
  readonly textEncoderAdapter?: StageAdapterConfig | null;
}

/** A released model of this package, fine-tuned with the paper's loss. */
const configOf = (
  { adapter, textEncoderAdapter = null }: Adapters,
  precision: ResolvedStage["precision"] = "float32",
): ResolvedConfig =>
  configFromJson(
    JSON.stringify({
      seed: SEED,
      base: BASE,
      dataset: { folder: join(folder, "data"), captionDropout: 0, denseCaptionProbability: 0 },
      stages: [
        {
          kind: "text-to-image",
          name: "finetune",
          resolution: 32,
          batchSize: BATCH,
          steps: STEPS,
          optimizer: OPTIMIZER,
          gradientClip: CLIP,
          ema: null,
          adapter,
          textEncoderAdapter,
          precision,
          transform: { horizontalFlip: 0.5 },
        },
      ],
      sampling: { prompts: ["a ball"], steps: 1 },
    }),
    "tiny.json",
  );

/** The same for two processes; without a base, whose scheduler would ask for another loss. */
function sharedConfigOf(adapters: Adapters): object {
  const { base: _, sampling, ...config } = configOf(adapters);
  const [stage] = config.stages;
  return { ...config, sampling, processes: 2, stages: [{ ...stage, batchSize: BATCH / 2 }] };
}

interface Training {
  readonly losses: readonly number[];
  readonly norms: readonly number[];
  readonly weights: ReadonlyMap<string, torch.Tensor>;
}

/** Ten steps of the trainer. What each computes on is written to `batches`, the first weights of adapters to `first`. */
async function trained(
  adapters: Adapters,
  {
    cached,
    batches,
    first,
    precision,
  }: {
    cached: boolean;
    batches?: string;
    first?: string;
    precision?: ResolvedStage["precision"];
  },
): Promise<Training> {
  const config = configOf(adapters, precision);
  const stage = config.stages[0];
  const { textEncoder } = config;
  if (stage?.kind !== "text-to-image" || !("pretrained" in textEncoder))
    throw new Error("expected a text-to-image stage of a released model");
  const { train } = await loadTrainingData(config.dataset);
  const tokenizer = await T5Tokenizer.fromPretrained(BASE, { subfolder: "tokenizer" });
  const models = new RunModelLoader(config, join(folder, "checkpoints"));
  const vae = await models.autoencoder();
  const {
    transformer,
    adapter,
    textEncoder: made,
    textEncoderAdapter,
  } = await models.startTextToImage(stage, vae, tokenizer);
  const live = made instanceof T5EncoderModel ? made : undefined;
  const cache = cached ? join(folder, "cache") : null;
  const warn = (message: string): never => {
    throw new Error(message);
  };
  const encoder = frozenTextEncoder(textEncoder, stage);
  using pictures = cache === null ? null : await LatentStore.open(cache, { vae, stage, warn });
  using texts = cache === null ? null : await openCaptionStore(encoder, cache, warn);
  const latents = await Latents.open({
    examples: train,
    stage,
    vae,
    store: pictures,
    limit: new UnreadableLimit({ share: 0, pictures: train.length }),
    warn,
  });
  const captions =
    live === undefined
      ? await FrozenCaptions.open({
          encoder,
          tokenizer,
          maxLength: 64,
          texts: train.map(({ shortCaption }) => prepareCaption(shortCaption)),
          prompts: ["a ball", ""],
          store: texts,
        })
      : new LiveCaptions(live, tokenizer, 64);
  const task = new TextToImageTask(stage, {
    transformer,
    adapter,
    textEncoder: live,
    textEncoderAdapter,
    tokenizer,
    vae,
    latents: { train: latents, heldout: latents },
    captions,
    prepare: prepareCaption,
    noise: NoiseSchedule.linear(),
    scheduler: samplerFor(stage.loss),
    examples: { train, heldout: [] },
    config,
  });
  if (batches !== undefined) {
    mkdirSync(batches, { recursive: true });
    const order = new SampleOrder(SEED, "finetune/order", train.length);
    for (let step = 0; step < STEPS; step++) {
      const positions = Array.from({ length: BATCH }, (_, i) => step * BATCH + i);
      const ids = positions.map((position) => order.at(position));
      const draws = new SampleRng(SEED, "finetune", positions);
      const pictures = await latents.load(ids, draws);
      const tensors = new Map<string, torch.Tensor>();
      torch.tidy(() => {
        const original = latents.draw(pictures, draws);
        draws.uniform(); // whether a caption is dropped
        const texts = ids.map((id) => prepareCaption(train[id]?.shortCaption ?? ""));
        const { states, mask } = captions.states(texts);
        const timesteps = torch.tensor(draws.integers(1000), { dtype: "int64" });
        const noise = draws.normal(latents.shape);
        const tokens = tokenizer.encode(texts, {
          maxLength: 64,
          padding: "longest",
        });
        const tokenIds = torch.fromTypedArray(tokens.inputIds, tokens.shape);
        const all = { original, states: states.detach(), ids: tokenIds, mask, timesteps, noise };
        for (const [name, tensor] of Object.entries(all)) tensors.set(name, torch.keep(tensor));
      });
      await writeSafetensors(join(batches, `${step}.safetensors`), tensors);
      for (const tensor of tensors.values()) tensor.dispose();
    }
  }
  const loop = new StageLoop(SEED, stage, task);
  if (first !== undefined && adapter !== undefined)
    await writeSafetensors(first, loop.tensors().get("weights") ?? new Map());
  const [losses, norms]: [number[], number[]] = [[], []];
  await loop.run({
    onStep: ({ loss, gradNorm }) => {
      losses.push(loss);
      norms.push(gradNorm);
    },
    onWarning: warn,
    onSample: async () => {},
    onValidation: () => {},
    onCheckpoint: async () => {},
    shouldStop: () => false,
  });
  return {
    losses,
    norms,
    weights: loop.tensors().get("weights") ?? new Map(),
  };
}

/** ‖actual − expected‖ relative to the norm of `size`. */
const distance = (actual: torch.Tensor, expected: torch.Tensor, size = expected): number =>
  torch.tidy(() => actual.detach().sub(expected).norm().item() / size.norm().item());

const lora: StageAdapterConfig = { type: "lora", r: 4, alpha: 8 };
/** In one process and in two. */
const shared = [
  { name: "full", adapter: null },
  { name: "lora", adapter: lora },
] as const;
const cases: readonly (Adapters & { readonly name: string })[] = [
  ...shared,
  { name: "both", adapter: lora, textEncoderAdapter: { ...lora, targetModules: ["q", "v", "wo"] } },
];
interface Figures {
  readonly losses: readonly number[];
  readonly norms: readonly number[];
}
/** PyTorch's, in float64. */
let python: readonly Figures[];
/**
 * PyTorch's in float32, of `cases`. With the kernels that lesser processors get it is off by 0.8e-6 to 1.9e-6 in a norm after ten
 * steps. Both sides' rounding is a matter of chance: ours may be three times as far off, where that is more than 1e-6.
 */
let rounded: readonly Figures[];
/** Where two processes of the trainer, each with half of every batch, left what came of it. */
let together: string;
const ours: Training[] = [];

beforeAll(async () => {
  torch.setThreads(1);
  await writeTinyDataset(join(folder, "data"));
  const place = (name: string, file: string): string => join(folder, `${name}-${file}`);
  for (const { name, ...adapters } of cases) {
    ours.push(
      await trained(adapters, {
        cached: true,
        batches: place(name, "batches"),
        first: place(name, "first.safetensors"),
      }),
    );
  }
  together = await trainInProcesses(
    2,
    folder,
    shared.map(({ name, adapter }) => ({ name, config: sharedConfigOf({ adapter }) })),
  );
  const peft = (targets: readonly string[]): object => ({
    r: 4,
    lora_alpha: 8,
    target_modules: targets,
  });
  const inPython = (list: typeof cases, processes: object) =>
    list.map(({ name, adapter, textEncoderAdapter }) => ({
      ...processes,
      folder: BASE,
      adapters: {
        ...(adapter && { transformer: peft(["to_q", "to_k", "to_v", "to_out.0"]) }),
        ...(textEncoderAdapter && { text_encoder: peft(["q", "v", "wo"]) }),
      },
      first: place(name, "first.safetensors"),
      steps: STEPS,
      batches: place(name, "batches"),
      lr: OPTIMIZER.lr,
      weight_decay: OPTIMIZER.weightDecay,
      eps: OPTIMIZER.eps,
      clip: CLIP,
      out: place(name, "processes" in processes ? "ddp.safetensors" : "out.safetensors"),
    }));
  ({ exact: python, rounded } = (await runPython(
    join(dirname(fileURLToPath(import.meta.url)), "training.py"),
    [...inPython(cases, {}), ...inPython(shared, { processes: 2, port: await freePort() })],
  )) as { exact: readonly Figures[]; rounded: readonly Figures[] });
});

describe.each(cases.map((each, i) => ({ ...each, i })))(
  "ten steps of $name training",
  ({ name, i }) => {
    it("have Python's losses and gradient norms", () => {
      const [mine, theirs] = [ours[i], python[i]];
      for (const kind of ["losses", "norms"] as const) {
        const exact = theirs?.[kind] ?? [];
        const errors = (figures: readonly number[] = []): number[] =>
          exact.map((value, step) => Math.abs((figures[step] ?? Number.NaN) / value - 1));
        const bound = Math.min(6e-6, Math.max(1e-6, 3 * Math.max(...errors(rounded[i]?.[kind]))));
        for (const [step, error] of errors(mine?.[kind]).entries())
          expect(error, `${kind} ${step}`).toBeLessThan(bound);
      }
      expect(mine?.losses).toHaveLength(STEPS);
    });

    it("end with Python's weights", () => {
      using file = readSafetensors(join(folder, `${name}-out.safetensors`));
      using roundedFile = readSafetensors(join(folder, `${name}-out.safetensors.float32`));
      const { weights } = ours[i] as Training;
      expect([...weights.keys()].toSorted()).toEqual([...file.tensors.keys()].toSorted());
      // A bias on attention keys shifts all logits of a query alike: its gradient is rounding, and it is measured against the
      // weight beside it. An adapter's B begins at zero: it is the sum of ten updates, and has their rounding alone.
      const errorOf = (key: string, tensor: torch.Tensor): number =>
        distance(tensor, file.tensor(key), file.tensor(key.replace(/to_k\.bias$/, "to_k.weight")));
      const ofB = [...weights.keys()].filter((key) => key.includes("lora_B"));
      const errorsOfPython = ofB.map((key) => errorOf(key, roundedFile.tensor(key)));
      const boundOfB = Math.min(3e-5, Math.max(1e-5, 3 * Math.max(...errorsOfPython)));
      for (const [key, tensor] of weights)
        expect(errorOf(key, tensor), key).toBeLessThan(ofB.includes(key) ? boundOfB : 1e-6);
    });
  },
);

describe.each(shared.map((each, i) => ({ ...each, i: cases.length + i })))(
  "ten steps of $name training in two processes",
  ({ name, i }) => {
    it("have the losses and gradient norms of PyTorch's DistributedDataParallel over Gloo", () => {
      const mine = trainedIn(together, name);
      for (const kind of ["losses", "norms"] as const) {
        expect(mine[kind]).toHaveLength(STEPS);
        for (const [step, value] of (python[i]?.[kind] ?? []).entries())
          expect(
            Math.abs((mine[kind][step] ?? Number.NaN) / value - 1),
            `${kind} ${step}`,
          ).toBeLessThan(1e-6);
      }
      expect(python[i]?.losses).toHaveLength(STEPS);
    });

    it("end with its weights", () => {
      using theirs = readSafetensors(join(folder, `${name}-ddp.safetensors`));
      using mine = readSafetensors(join(together, `${name}-0.safetensors`));
      const prefix = "weights/";
      const keys = [...mine.tensors.keys()].filter((key) => key.startsWith(prefix));
      expect(keys).toHaveLength(theirs.tensors.size);
      for (const key of keys.map((each) => each.slice(prefix.length))) {
        const beside = theirs.tensor(key.replace(/to_k\.bias$/, "to_k.weight"));
        const tolerance = key.includes("lora_B") ? 1e-5 : 1e-6;
        expect(
          distance(mine.tensor(`${prefix}${key}`), theirs.tensor(key), beside),
          key,
        ).toBeLessThan(tolerance);
      }
    });
  },
);

it("leaves layers with Python's weights once the adapter is in them", () => {
  using file = readSafetensors(join(folder, "lora-out.safetensors"));
  using base = readSafetensors(join(BASE, "transformer/diffusion_pytorch_model.safetensors"));
  const { weights } = ours[1] as Training;
  for (const key of [...weights.keys()].filter((name) => name.endsWith("lora_A.weight"))) {
    const layer = key
      .replace("transformer.base_model.model.", "")
      .replace("lora_A.weight", "weight");
    const merged = (part: (name: string) => torch.Tensor): torch.Tensor => {
      const added = part(key.replace("lora_A", "lora_B")).detach().matmul(part(key).detach());
      return base
        .tensor(layer)
        .float()
        .add(added.mul(8 / 4));
    };
    torch.tidy(() => {
      const mine = merged((name) => weights.get(name) as torch.Tensor);
      const theirs = merged((name) => file.tensor(name));
      expect(distance(mine, theirs), layer).toBeLessThan(1e-6);
      expect(distance(base.tensor(layer).float(), theirs), layer).toBeGreaterThan(1e-5);
    });
  }
});

it.each(["float32", "bfloat16"] as const)(
  "gives the same losses with encoders in every step as from the cache, bit for bit, in %s",
  async (precision) => {
    const online = await trained({ adapter: null }, { cached: false, precision });
    const cached = await trained({ adapter: null }, { cached: true, precision });
    expect(online.losses).toEqual(cached.losses);
    for (const [key, tensor] of online.weights)
      expect(
        torch.tidy(() => tensor.equal(cached.weights.get(key) as torch.Tensor)),
        key,
      ).toBe(true);
  },
);
