import { createHash } from "node:crypto";
import type { CheckedConfig, ResolvedConfig, ResolvedStage } from "../config/index.ts";
import * as torch from "../torch/index.ts";
import { settleForData, stageBuckets } from "./aspect-plan.ts";
import { cacheFolder } from "./before-run.ts";
import { FrozenCaptions, uncachedTexts } from "./captions.ts";
import { drawClassPictures } from "./class-pictures.ts";
import { requireControlPictures } from "./control-pictures.ts";
import { Latents } from "./latents.ts";
import {
  buildAutoencoder,
  frozenTextEncoder,
  holdsTextEncoder,
  pretrainedTokenizer,
} from "./models.ts";
import type { Condition } from "./picture-source.ts";
import { stageTexts } from "./stage-texts.ts";
import {
  type Example,
  loadTrainingData,
  stageExamples,
  type TrainingData,
} from "./training-data.ts";

/** Which part of the work one of several processes does: number `index`, from 1, of `count`. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** What {@link precompute} may be told. */
export interface PrecomputeOptions {
  readonly shard: Shard;
  readonly say: (line: string) => void;
}

/** What {@link precompute} left in the cache, of its own shard. */
export interface PrecomputeOutcome {
  readonly folder: string;
  readonly pictures: number;
  readonly texts: number;
}

/**
 * Fills the cache that a run of this config reads, without training: latents of all pictures, states of all texts. Each of
 * several processes takes its own part by the name of picture or text; they may share one folder. What is there already is
 * not made again, so that a process that was killed goes on where it was. Throws where the config trains the encoders itself.
 */
export async function precompute(
  checked: CheckedConfig,
  { shard, say }: PrecomputeOptions,
): Promise<PrecomputeOutcome> {
  const { autoencoder } = checked;
  if (!("pretrained" in autoencoder)) {
    throw new Error(
      "Expected a pretrained autoencoder but the config trains its own: its latents are not known before. Train that stage first, and name its published folder as autoencoder.pretrained",
    );
  }
  await drawClassPictures(checked, say);
  const data = await loadTrainingData(checked.dataset);
  const config = await settleForData(checked, data);
  requireControlPictures(config, data);
  if (config.threads !== null) torch.setThreads(config.threads);
  const cache = cacheFolder(config, config.workDir);
  const work: Work = { config, data, shard, cache, say };
  const texts = await encodeTexts(work);
  const pictures = await encodePictures(work);
  return { folder: cache, pictures, texts };
}

interface Work {
  readonly config: ResolvedConfig;
  readonly data: TrainingData;
  readonly shard: Shard;
  readonly cache: string;
  readonly say: (line: string) => void;
}

/** Whether a name falls to a shard: any number of processes agree on it without a word. */
const fallsTo = ({ index, count }: Shard, name: string): boolean =>
  createHash("sha256").update(name).digest().readUInt32BE() % count === index - 1;

const warnTo =
  (say: Work["say"]) =>
  (message: string): void =>
    say(`Warning: ${message}`);

async function encodeTexts({ config, data, shard, cache, say }: Work): Promise<number> {
  const { textEncoder, tokenizer: place, dataset } = config;
  if (!dataset.cache.texts || !("pretrained" in textEncoder) || !("pretrained" in place)) return 0;
  if (holdsTextEncoder(config)) {
    say("The run trains its text encoder: captions are encoded as it goes");
    return 0;
  }
  const tokenizer = await pretrainedTokenizer(place);
  const { maxLength } = config.tokenizer;
  let encoded = 0;
  for (const precision of ["float32", "bfloat16"] as const) {
    const stages = config.stages.filter(isTextToImage).filter((s) => s.precision === precision);
    if (stages.length === 0) continue;
    const all = new Set(
      stages.flatMap((stage) =>
        stageTexts(config, { ...stageExamples(stage, data), prior: data.prior }),
      ),
    );
    const texts = [...all].filter((text) => fallsTo(shard, text));
    const encoder = frozenTextEncoder(textEncoder, { precision });
    const missing = await uncachedTexts({ encoder, tokenizer, maxLength, texts, cache });
    say(
      `Captions in ${precision}: ${texts.length} of ${all.size} are this shard's, ${missing.length} of them to encode`,
    );
    const options = { encoder, tokenizer, maxLength, texts, prompts: [], cache };
    const captions = await FrozenCaptions.open({ ...options, warn: warnTo(say), say });
    captions.dispose();
    encoded += texts.length;
  }
  return encoded;
}

const isTextToImage = (stage: ResolvedStage): stage is ResolvedStage<"text-to-image"> =>
  stage.kind === "text-to-image";

async function encodePictures({ config, data, shard, cache, say }: Work): Promise<number> {
  if (!config.dataset.cache.latents) return 0;
  const vae = (await buildAutoencoder(config)).requiresGrad_(false);
  const seen = new Set<Example>();
  try {
    for (const stage of config.stages) {
      if (stage.kind === "autoencoder") continue;
      const { train, heldout } = stageExamples(stage, data);
      const prior = stage.kind === "text-to-image" ? data.prior : [];
      const all = [...train, ...heldout, ...prior];
      const examples = all.filter(({ file }) => fallsTo(shard, file));
      say(
        `Pictures of stage "${stage.name}": ${examples.length} of ${all.length} are this shard's`,
      );
      const open = (list: readonly Example[], control?: Condition): Promise<Latents> =>
        Latents.open({
          examples: list,
          stage,
          buckets: stageBuckets(stage),
          vae,
          control,
          cache,
          maxUnreadable: config.dataset.maxUnreadable,
          warn: warnTo(say),
          say,
        });
      const condition = isTextToImage(stage) ? stage.controlnet?.condition : undefined;
      const controls = condition && (await open(examples, condition));
      controls?.dispose();
      const latents = await open(controls?.examples ?? examples);
      latents.dispose();
      for (const example of latents.examples) seen.add(example);
    }
  } finally {
    vae.dispose();
  }
  return seen.size;
}
