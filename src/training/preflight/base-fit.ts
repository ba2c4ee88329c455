import { expected } from "../../config/checks/mistakes.ts";
import type { ParsedConfig } from "../../config/index.ts";
import type { LossType } from "../../config/options/train-config.ts";
import { withLossTypes } from "../../config/resolve-epochs.ts";
import { IncompatibleError } from "../../errors/index.ts";
import { readAutoencoderKLConfig } from "../../models/autoencoder-kl/config.ts";
import { readPixArtTransformerConfig } from "../../models/pixart/config.ts";
import { schedulerFromPretrained } from "../../schedulers/index.ts";
import { TIMESTEPS } from "../contract/timestep-bands.ts";
import { configOf } from "../models/stage-footprint.ts";
import { predictionType } from "../stages/denoising.ts";
import { type NoiseFields, noiseFieldsOf } from "../stages/noise-levels.ts";

/** A config fitted to its base models. */
export interface BaseFit {
  /** With the base's prediction target for losses that name none. */
  readonly config: ParsedConfig;
  /** Settings that will probably not do what was meant, one sentence each. */
  readonly warnings: readonly string[];
}

/** Facts from the files of a run's base models. */
interface BaseFacts {
  /** Pixels per latent, along a side. */
  readonly factor: number;
  /** Latents per token, along a side. */
  readonly patch: number;
  /** Side in pixels that the transformer was trained at; undefined for a new transformer. */
  readonly resolution: number | undefined;
  /** Whether the transformer also predicts a variance. */
  readonly hasVariance: boolean;
}

/**
 * Fills in what the config leaves to the base, and compares the rest with the pretrained models' files before any weight is read.
 * Throws if a loss has a different target than the base predicts, or if a stage's pictures are not a whole number of tokens;
 * reports all mistakes at once.
 */
export async function fitToBase(config: ParsedConfig): Promise<BaseFit> {
  const { base, stages } = config;
  const facts = await factsOf(config);
  const draws = stages.some(({ kind }) => kind === "text-to-image");
  const trained = base === null || !draws ? undefined : await trainedAs(base);
  const predicts = trained?.predicts;
  const mistakes = [
    ...(base === null || trained === undefined
      ? []
      : [...wrongTargets(config, base, trained.predicts), ...wrongNoise(config, base, trained)]),
    ...wrongSides(config, facts),
  ];
  if (mistakes.length > 0) throw new IncompatibleError(mistakes.join("\n"));
  const type: LossType =
    predicts === "v_prediction" ? "v" : facts.hasVariance ? "epsilon+vlb" : "epsilon";
  return { config: withLossTypes(config, type), warnings: farResolutions(config, facts) };
}

/** What a pipeline's sampler says about its training. */
interface TrainedAs {
  /** The prediction type. */
  readonly predicts: string;
  readonly noise: NoiseFields;
}

async function trainedAs(base: string): Promise<TrainedAs> {
  using scheduler = await schedulerFromPretrained(base, { subfolder: "scheduler" });
  const predicts = String(scheduler.toConfig().prediction_type ?? "epsilon");
  return { predicts, noise: noiseFieldsOf(scheduler) };
}

/** Side in pixels that a pipeline was trained for. */
export async function baseResolution(base: string): Promise<number> {
  const part = { pretrained: base, revision: null };
  const { resolution } = await factsOf({
    autoencoder: { ...part, subfolder: "vae" },
    transformer: { ...part, subfolder: "transformer" },
  });
  return resolution ?? 0;
}

async function factsOf({
  autoencoder,
  transformer,
}: Pick<ParsedConfig, "autoencoder" | "transformer">): Promise<BaseFacts> {
  const vae =
    "pretrained" in autoencoder
      ? readAutoencoderKLConfig(...(await configOf(autoencoder)))
      : autoencoder;
  const factor = 2 ** (vae.blockOutChannels.length - 1);
  if (!("pretrained" in transformer)) {
    const { outChannels, patchSize } = transformer;
    const hasVariance = outChannels !== vae.latentChannels;
    return { factor, patch: patchSize, resolution: undefined, hasVariance };
  }
  const model = readPixArtTransformerConfig(...(await configOf(transformer)));
  return {
    factor,
    patch: model.patchSize,
    resolution: model.sampleSize * factor,
    hasVariance: (model.outChannels ?? model.inChannels) !== model.inChannels,
  };
}

function* wrongTargets(
  { stages }: ParsedConfig,
  base: string,
  predicts: string,
): Generator<string> {
  for (const stage of stages) {
    if (stage.kind !== "text-to-image") continue;
    const { type } = stage.loss;
    const given = type ?? (predicts === "v_prediction" ? "v" : "epsilon");
    if (predicts === predictionType(given)) continue;
    const types = predicts === "v_prediction" ? '"v"' : '"epsilon" or "epsilon+vlb"';
    yield `Expected ${types} for loss.type of stage "${stage.name}", because ${base} was trained to predict ${predicts}, but received ${JSON.stringify(type)}`;
  }
}

function* wrongNoise(
  { stages }: ParsedConfig,
  base: string,
  { predicts, noise }: TrainedAs,
): Generator<string> {
  const { num_train_timesteps: timesteps, rescale_betas_zero_snr: endsInNoise } = noise;
  if (timesteps !== TIMESTEPS)
    yield `Expected a base of ${TIMESTEPS} training timesteps but received ${base}, whose scheduler has ${timesteps}`;
  if (!endsInNoise) return;
  const reason = `the scheduler of ${base} has rescale_betas_zero_snr: its last timestep holds no picture`;
  if (predicts === "epsilon")
    yield `Expected a base that predicts v_prediction, because ${reason}, but received one that predicts epsilon`;
  for (const stage of stages)
    if (stage.kind === "text-to-image" && stage.consistency !== null)
      yield `Expected no consistency for stage "${stage.name}", because ${reason} to distil`;
}

/** If all models are new, the config's own checks have covered this. */
function* wrongSides(
  { stages, autoencoder, transformer }: ParsedConfig,
  { factor, patch }: BaseFacts,
): Generator<string> {
  if (!("pretrained" in autoencoder) && !("pretrained" in transformer)) return;
  for (const [i, { kind, resolution }] of stages.entries()) {
    const token = kind === "autoencoder" ? factor : factor * patch;
    if (resolution % token === 0) continue;
    const reason =
      kind === "autoencoder" ? "" : ` (${factor}) times the transformer's patch (${patch})`;
    const what = `a multiple of ${token}, the autoencoder's downsampling factor${reason},`;
    yield expected(what, ["stages", i, "resolution"], resolution);
  }
}

/** Beyond this factor, pictures are unlike those that the model knows. */
const FAR = 2;

function farResolutions(
  { stages, transformer }: ParsedConfig,
  { resolution: known }: BaseFacts,
): string[] {
  if (known === undefined || !("pretrained" in transformer)) return [];
  return stages.flatMap((stage, i) => {
    if (stage.kind !== "text-to-image" || stage.interpolationScale !== null) return [];
    const { name, resolution } = stage;
    if (Math.max(resolution / known, known / resolution) < FAR) return [];
    return [
      `Stage "${name}" trains at ${resolution} px, but ${transformer.pretrained} was made for ${known} px: it has much to relearn and will draw poorly for a long time. To train at its size: stages.${i}.resolution=${known}`,
    ];
  });
}
