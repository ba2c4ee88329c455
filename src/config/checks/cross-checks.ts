import type { ParsedConfig } from "../options/train-config.ts";
import { aspectRatios, classPictures, controlPictures } from "./data-checks.ts";
import { denoisingChecks } from "./denoising-checks.ts";
import { expected } from "./mistakes.ts";

/** One sentence for each field that conflicts with another; the fields themselves have been checked already. */
export function crossChecks(config: ParsedConfig): string[] {
  return [
    ...widths(config),
    ...components(config),
    ...pretrainedStages(config),
    ...stageNames(config),
    ...stageOrder(config),
    ...stageFields(config),
    ...lossTypes(config),
    ...resolutions(config),
    ...classPictures(config),
    ...aspectRatios(config),
    ...controlPictures(config),
  ];
}

function* widths({ autoencoder, transformer }: ParsedConfig): Generator<string> {
  if ("pretrained" in transformer) return; // its shape is in the folder
  const { numAttentionHeads, attentionHeadDim, useAdditionalConditions, outChannels } = transformer;
  const width = numAttentionHeads * attentionHeadDim;
  const product = ["transformer", "numAttentionHeads * attentionHeadDim"];
  if (width % 4 !== 0) {
    yield expected("a multiple of 4 (sine and cosine of row and column)", product, width);
  }
  if (useAdditionalConditions && width % 3 !== 0) {
    const what = "a multiple of 3 (height, width and aspect ratio, for useAdditionalConditions)";
    yield expected(what, product, width);
  }
  if ("pretrained" in autoencoder) return;
  const { blockOutChannels, normNumGroups, latentChannels } = autoencoder;
  for (const [i, channels] of blockOutChannels.entries()) {
    if (channels % normNumGroups !== 0) {
      const path = ["autoencoder", "blockOutChannels", i];
      yield expected(`a multiple of normNumGroups (${normNumGroups})`, path, channels);
    }
  }
  if (outChannels !== null && ![latentChannels, 2 * latentChannels].includes(outChannels)) {
    const what = `${latentChannels} (the latent's channels) or ${2 * latentChannels} (with their variance)`;
    yield expected(what, ["transformer", "outChannels"], outChannels);
  }
}

/** Every component is either read from a folder or trained by some stage. */
function* components(config: ParsedConfig): Generator<string> {
  const { autoencoder, tokenizer, textEncoder, stages } = config;
  if (!("pretrained" in autoencoder) && !stages.some(({ kind }) => kind === "autoencoder")) {
    const what = 'a stage of kind "autoencoder", since autoencoder.pretrained is not given,';
    yield expected(
      what,
      ["stages"],
      stages.map(({ kind }) => kind),
    );
  }
  const texts = stages.filter((stage) => stage.kind === "text-to-image");
  if ("pretrained" in textEncoder) {
    if (!("pretrained" in tokenizer)) {
      const what = "the text encoder's own tokenizer as tokenizer.pretrained";
      yield expected(what, ["tokenizer"], tokenizer);
    }
  } else if (texts.length > 0 && !texts.some(({ trainTextEncoder }) => trainTextEncoder)) {
    const what =
      "trainTextEncoder in a text-to-image stage, since textEncoder.pretrained is not given,";
    yield expected(
      what,
      ["stages"],
      texts.map(({ name, trainTextEncoder }) => ({ name, trainTextEncoder })),
    );
  }
}

/** What a pretrained transformer and adapters require of the stages. */
function* pretrainedStages({ stages, transformer }: ParsedConfig): Generator<string> {
  for (const [i, stage] of stages.entries()) {
    if (stage.kind === "class-conditional" && "pretrained" in transformer) {
      const what = '"text-to-image" or "autoencoder", since transformer.pretrained is given,';
      yield expected(what, ["stages", i, "kind"], stage.kind);
    }
    if (stage.kind !== "text-to-image") continue;
    yield* distillation(stage, i);
    yield* controlNet(stage, i, { stages, transformer });
    yield* textEncoderAdapter(stage, i, stages.length);
    if (stage.adapter === null) continue;
    if (i < stages.length - 1) {
      const what = "null, since only the last stage may train an adapter,";
      yield expected(what, ["stages", i, "adapter"], stage.adapter);
    }
    if (stage.trainTextEncoder) {
      const what = "false, since the stage trains an adapter of the transformer,";
      yield expected(what, ["stages", i, "trainTextEncoder"], true);
    }
  }
}

type TextToImageStage = Extract<ParsedConfig["stages"][number], { kind: "text-to-image" }>;

function* controlNet(
  { controlnet, adapter, textEncoderAdapter, consistency, trainTextEncoder }: TextToImageStage,
  i: number,
  { stages, transformer }: Pick<ParsedConfig, "stages" | "transformer">,
): Generator<string> {
  if (controlnet === null) return;
  if (i < stages.length - 1) {
    const what = "null, since only the last stage may train a ControlNet,";
    yield expected(what, ["stages", i, "controlnet"], controlnet);
  }
  const alone = "null, since the stage trains a ControlNet of the transformer,";
  for (const [key, value] of Object.entries({ adapter, textEncoderAdapter, consistency })) {
    if (value !== null) yield expected(alone, ["stages", i, key], value);
  }
  if (trainTextEncoder) {
    const what = "false, since the stage trains a ControlNet of the transformer,";
    yield expected(what, ["stages", i, "trainTextEncoder"], true);
  }
  if (!("pretrained" in transformer) && controlnet.blocks >= transformer.numLayers) {
    const what = `fewer than the transformer's ${transformer.numLayers} blocks, since each copy feeds the block after its own,`;
    yield expected(what, ["stages", i, "controlnet", "blocks"], controlnet.blocks);
  }
}

function* textEncoderAdapter(
  { textEncoderAdapter: adapter, trainTextEncoder }: TextToImageStage,
  i: number,
  stages: number,
): Generator<string> {
  if (adapter === null) return;
  if (i < stages - 1) {
    const what = "null, since only the last stage may train an adapter,";
    yield expected(what, ["stages", i, "textEncoderAdapter"], adapter);
  }
  if (trainTextEncoder) {
    const what = "false, since the stage trains an adapter of the text encoder,";
    yield expected(what, ["stages", i, "trainTextEncoder"], true);
  }
}

function* distillation(stage: TextToImageStage, i: number): Generator<string> {
  if (stage.consistency === null) return;
  if (stage.ema === null) {
    const what = "an object, since latent consistency distils towards the averaged weights,";
    yield expected(what, ["stages", i, "ema"], null);
  }
  if (stage.trainTextEncoder) {
    const what = "false, since the stage distils the transformer,";
    yield expected(what, ["stages", i, "trainTextEncoder"], true);
  }
  if (stage.textEncoderAdapter !== null) {
    const what = "null, since the stage distils the transformer,";
    yield expected(what, ["stages", i, "textEncoderAdapter"], stage.textEncoderAdapter);
  }
  const { solverSteps } = stage.consistency;
  if (solverSteps > 1000) {
    const what = "at most the schedule's 1000 timesteps";
    yield expected(what, ["stages", i, "consistency", "solverSteps"], solverSteps);
  }
}

function* stageNames({ stages }: ParsedConfig): Generator<string> {
  for (const [i, { name }] of stages.entries()) {
    const first = stages.findIndex((stage) => stage.name === name);
    if (first < i)
      yield expected(`a different name from stages.${first}`, ["stages", i, "name"], name);
  }
}

/** The curriculum: pictures, then classes, then captions. */
function* stageOrder({ stages }: ParsedConfig): Generator<string> {
  const order = ["autoencoder", "class-conditional", "text-to-image"];
  for (const [i, { kind }] of stages.entries()) {
    const later = stages
      .slice(0, i)
      .find((stage) => order.indexOf(stage.kind) > order.indexOf(kind));
    if (later !== undefined) {
      yield expected(
        `a stage that may follow the ${later.kind} stage ${JSON.stringify(later.name)}`,
        ["stages", i, "kind"],
        kind,
      );
    }
  }
}

/** All diffusion stages must have the same prediction target: each starts from the weights of the one before. */
function* lossTypes({ stages }: ParsedConfig): Generator<string> {
  // Stages that take their base's target agree anyway.
  const isVelocity = stages.map((s) =>
    s.kind === "autoencoder" || s.loss.type === null ? undefined : s.loss.type === "v",
  );
  const first = isVelocity.find((v) => v !== undefined);
  for (const [i, v] of isVelocity.entries()) {
    const stage = stages[i];
    if (v === undefined || v === first || stage === undefined || stage.kind === "autoencoder")
      continue;
    const what = `${first ? "v" : "epsilon or epsilon+vlb"}, as in the earlier stages,`;
    yield expected(what, ["stages", i, "loss", "type"], stage.loss.type);
  }
}

/** An autoencoder learns from squares that are cut once, in the way of {@link PLAIN}. */
function* autoencoderTransform(
  { transform }: Pick<ParsedConfig["stages"][number], "transform">,
  i: number,
): Generator<string> {
  for (const [key, plain] of Object.entries(PLAIN)) {
    const value = transform[key as keyof typeof PLAIN];
    if (value === plain) continue;
    const what = `${JSON.stringify(plain)}, since an autoencoder's pictures are resized and cut once, before the first step,`;
    yield expected(what, ["stages", i, "transform", key], value);
  }
}

const PLAIN = { resample: "lanczos", crop: "center", horizontalFlip: 0 } as const;

function* stageFields({ stages, transformer, autoencoder }: ParsedConfig): Generator<string> {
  for (const [i, stage] of stages.entries()) {
    const { warmupSteps } = stage.schedule;
    if (typeof stage.steps === "number" && warmupSteps > stage.steps) {
      const what = `at most the stage's ${stage.steps} steps`;
      yield expected(what, ["stages", i, "schedule", "warmupSteps"], warmupSteps);
    }
    if (stage.kind === "autoencoder") yield* autoencoderTransform(stage, i);
    else yield* denoisingChecks(stage, i);
    if (stage.shardOptimizer && stage.optimizer.type === "prodigy") {
      const what = "false, since Prodigy looks at all gradients at once,";
      yield expected(what, ["stages", i, "shardOptimizer"], true);
    }
    if (
      stage.kind === "text-to-image" &&
      stage.optimizer.type === "prodigy" &&
      stage.optimizer.textEncoderLr !== null
    ) {
      const what = "null, since Prodigy finds one rate for all,";
      const path = ["stages", i, "optimizer", "textEncoderLr"];
      yield expected(what, path, stage.optimizer.textEncoderLr);
    }
    if (
      stage.kind === "text-to-image" &&
      stage.optimizer.textEncoderLr !== null &&
      !stage.trainTextEncoder &&
      stage.textEncoderAdapter === null
    ) {
      const what = "null, since the stage has neither trainTextEncoder nor textEncoderAdapter,";
      yield expected(
        what,
        ["stages", i, "optimizer", "textEncoderLr"],
        stage.optimizer.textEncoderLr,
      );
    }
    if (
      stage.kind !== "autoencoder" &&
      stage.loss.type === "epsilon+vlb" &&
      !("pretrained" in autoencoder) &&
      !("pretrained" in transformer) &&
      transformer.outChannels === autoencoder.latentChannels
    ) {
      const what = `"epsilon", since transformer.outChannels (${transformer.outChannels}) leaves no room for a variance,`;
      yield expected(what, ["stages", i, "loss", "type"], stage.loss.type);
    }
  }
}

function* resolutions({ stages, autoencoder, transformer }: ParsedConfig): Generator<string> {
  if ("pretrained" in autoencoder) return; // its factor is in the folder, which training reads
  if ("pretrained" in transformer) return;
  const factor = 2 ** (autoencoder.blockOutChannels.length - 1);
  for (const [i, { kind, resolution }] of stages.entries()) {
    const patch = kind === "autoencoder" ? 1 : transformer.patchSize;
    if (resolution % (factor * patch) !== 0) {
      const reason = patch === 1 ? "" : ` (${factor}) times transformer.patchSize (${patch})`;
      const what = `a multiple of ${factor * patch}, the autoencoder's downsampling factor${reason},`;
      yield expected(what, ["stages", i, "resolution"], resolution);
    }
  }
}
