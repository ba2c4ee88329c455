import { createHash } from "node:crypto";
import type { ParsedConfig, ResolvedConfig, ResolvedStage } from "../config/index.ts";
import { withPrecision } from "../config/with-precision.ts";
import { UnreadableLimit } from "../data/unreadable-limit.ts";
import { World } from "../distributed/index.ts";
import { InvalidValueError } from "../errors/index.ts";
import { makeFolder } from "../files/make-folder.ts";
import { preparation } from "../pipelines/prompts/prompt-encoder.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { resolveEpochsForData, stageBuckets } from "./dataset/aspect-plan.ts";
import { requireFewUnreadable } from "./dataset/checks/stage-limit.ts";
import { requireControlPictures } from "./dataset/control-pictures.ts";
import { stageTexts } from "./dataset/stage-texts.ts";
import {
  type Example,
  loadTrainingData,
  stageExamples,
  type TrainingData,
} from "./dataset/training-data.ts";
import { FrozenCaptions, openCaptionStore, uncachedTexts } from "./features/captions.ts";
import { drawClassPictures } from "./features/class-pictures.ts";
import {
  type FeatureFolders,
  ImportedCaptions,
  ImportedLatents,
  requireUse,
} from "./features/imported-features.ts";
import { LatentStore, type MadeMoments } from "./features/latent-store.ts";
import { Latents, type LatentsOptions } from "./features/latents.ts";
import {
  buildAutoencoder,
  frozenTextEncoder,
  holdsTextEncoder,
  pretrainedTokenizer,
  trainsTextEncoder,
} from "./models/models.ts";
import { cacheFolder } from "./preflight/plan-run.ts";

/** The share of the work that one of several processes does: number `index`, from 1, of `count`. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** Options of {@link precompute}. */
export interface PrecomputeOptions {
  readonly shard: Shard;
  /** Features made by other tools: those that fit are imported instead of encoded. */
  readonly features: FeatureFolders;
  readonly say: (line: string) => void;
}

/** What {@link precompute} left in the cache, for its own shard. */
export interface PrecomputeOutcome {
  readonly folder: string;
  readonly pictures: number;
  readonly texts: number;
}

/**
 * Fills the cache that a run of this config reads, without training: latents of all pictures and states of all texts. Several
 * processes split the work by the names of pictures and texts, and may share one folder. Existing entries are kept, so a process
 * that was killed can be restarted. Throws if the config trains the encoders itself, or does not cache what the given features
 * are for.
 */
export async function precompute(
  checked: ParsedConfig,
  { shard, features, say }: PrecomputeOptions,
): Promise<PrecomputeOutcome> {
  const { autoencoder } = checked;
  if (!("pretrained" in autoencoder)) {
    throw new InvalidValueError(
      "Expected a pretrained autoencoder but the config trains its own: its latents are not known in advance. Train that stage first, and name its published folder as autoencoder.pretrained",
    );
  }
  requireUse(checked, features);
  const device = World.solo.useDevice(checked.device);
  await drawClassPictures(checked, say);
  const data = await loadTrainingData(checked.dataset);
  const precise = withPrecision(checked, () => torch.fastestDType(device));
  const config = await resolveEpochsForData(precise, data);
  requireControlPictures(config, data);
  requireFewUnreadable(config, data);
  if (config.threads !== null) torch.setThreads(config.threads);
  const cache = cacheFolder(config, config.workDir);
  await makeFolder(cache);
  const work: Work = { config, data, device, shard, features, cache, say };
  const texts = await encodeTexts(work);
  const pictures = await encodePictures(work);
  return { folder: cache, pictures, texts };
}

interface Work extends PrecomputeOptions {
  readonly config: ResolvedConfig;
  readonly data: TrainingData;
  readonly device: torch.Device;
  readonly cache: string;
}

/** Whether a name falls to a shard: processes agree on this without communicating. */
const belongsTo = ({ index, count }: Shard, name: string): boolean =>
  createHash("sha256").update(name).digest().readUInt32BE() % count === index - 1;

const warnTo =
  (say: Work["say"]) =>
  (message: string): void =>
    say(`Warning: ${message}`);

async function encodeTexts(work: Work): Promise<number> {
  const { config, data, device, shard, features, cache, say } = work;
  const { textEncoder, tokenizer: place, dataset } = config;
  if (!dataset.cache.texts || !("pretrained" in textEncoder) || !("pretrained" in place)) return 0;
  const drawing = config.stages.filter(isTextToImage);
  const frozen = drawing.filter((stage) => !trainsTextEncoder(stage));
  if (holdsTextEncoder(config) || (drawing.length > 0 && frozen.length === 0)) {
    say("The run trains its text encoder: captions are encoded as it goes");
    return 0;
  }
  const tokenizer = await pretrainedTokenizer(place);
  const { maxLength } = config.tokenizer;
  let encoded = 0;
  for (const precision of ["float32", "bfloat16"] as const) {
    const stages = frozen.filter((s) => s.precision === precision);
    if (stages.length === 0) continue;
    const all = new Set(
      stages.flatMap((stage) =>
        stageTexts(config, { ...stageExamples(stage, data), prior: data.prior }),
      ),
    );
    const texts = [...all].filter((text) => belongsTo(shard, text));
    const encoder = frozenTextEncoder(textEncoder, { precision }, device);
    const missing = await uncachedTexts({ encoder, tokenizer, maxLength, texts, cache });
    say(
      `Captions in ${precision}: ${texts.length} of ${all.size} are this shard's, ${missing.length} of them not in the cache`,
    );
    const from = new ImportedCaptions(features, data, {
      prepare: preparation({ cleanCaption: dataset.cleanCaptions }),
      width: (await encoder.config()).dModel,
      dtype: precision,
    });
    using store = await openCaptionStore(encoder, cache, warnTo(say));
    const options = { encoder, tokenizer, maxLength, texts, prompts: [], store };
    const made = (text: string, tokens: number): Tensor | undefined => from.take(text, tokens);
    const captions = await FrozenCaptions.open({ ...options, made, say });
    captions.dispose();
    for (const line of from.report()) say(line);
    say(`  ${captions.encoded} encoded`);
    encoded += texts.length;
  }
  return encoded;
}

const isTextToImage = (stage: ResolvedStage): stage is ResolvedStage<"text-to-image"> =>
  stage.kind === "text-to-image";

async function encodePictures(work: Work): Promise<number> {
  const { config, data, device, shard, features, cache, say } = work;
  if (!config.dataset.cache.latents) return 0;
  const vae = (await buildAutoencoder(config)).to({ device }).requiresGrad_(false);
  const seen = new Set<Example>();
  try {
    for (const stage of config.stages) {
      if (stage.kind === "autoencoder") continue;
      const { train, heldout } = stageExamples(stage, data);
      const prior = stage.kind === "text-to-image" ? data.prior : [];
      const all = [...train, ...heldout, ...prior];
      const examples = all.filter(({ file }) => belongsTo(shard, file));
      say(
        `Pictures of stage "${stage.name}": ${examples.length} of ${all.length} are this shard's`,
      );
      const limit = new UnreadableLimit({
        share: config.dataset.maxUnreadable,
        pictures: examples.length,
      });
      const from = new ImportedLatents(features, data, { dtype: vae.dtype });
      const made: MadeMoments = (...asked) => from.take(...asked);
      using store = await LatentStore.open(cache, { vae, stage, warn: warnTo(say) });
      const open = (
        list: readonly Example[],
        given: Pick<LatentsOptions, "control" | "made">,
      ): Promise<Latents> =>
        Latents.open({
          ...given,
          examples: list,
          stage,
          buckets: stageBuckets(stage),
          vae,
          store,
          limit,
          warn: warnTo(say),
          say,
        });
      const condition = isTextToImage(stage) ? stage.controlnet?.condition : undefined;
      const controls = condition && (await open(examples, { control: condition }));
      controls?.dispose();
      const latents = await open(controls?.examples ?? examples, { made });
      latents.dispose();
      for (const line of from.report()) say(line);
      say(`  ${latents.encoded} encoded, mirrored ones counted separately`);
      for (const example of latents.examples) seen.add(example);
    }
  } finally {
    vae.dispose();
  }
  return seen.size;
}
