import type { RgbImage } from "../images/index.ts";
import { pixArtDimensions } from "../models/pixart/config.ts";
import type { PixArtAlphaPipeline } from "../pipelines/index.ts";
import { sizeConditions } from "../pipelines/noise-predictor.ts";
import { disposeText, type EncodedText } from "../pipelines/text-encoding.ts";
import { type Scheduler, schedulerNamed } from "../schedulers/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { cleanLatents } from "./clean-latents.ts";
import { randomOrder } from "./random-order.ts";

// Shapes: K captions to choose from, N noisy versions of a picture, L caption tokens, C latent channels, h and w size of a latent picture.

/** What is said of a picture. */
export interface DescribedThing {
  readonly caption: string;
  /** Captions of the same thing are no wrong answers; the caption itself where it is left out. */
  readonly thing?: string | undefined;
  /** Wrong answers are captions of pictures in the same style. */
  readonly style?: string | undefined;
}

/** A real picture and what is said of it. */
export interface CaptionedPicture extends DescribedThing {
  readonly image: RgbImage;
}

/** How {@link measureChoice} asks. */
export interface ChoiceOptions {
  /** Captions to choose from, the right one among them. Default 8. */
  readonly captions?: number;
  /** Noise levels as log(α²/σ²). Default −3 and −1. */
  readonly logSnrs?: readonly number[];
  /** Noises at each level, the same for all pictures. Default 2. */
  readonly noises?: number;
  /** Of the noises and the wrong captions. Default 0. */
  readonly seed?: number;
  /** Asks each picture another's question: what is found then is chance. */
  readonly shuffled?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

/** How often the right caption was chosen. */
export interface ChoiceResult {
  readonly rate: number;
  readonly chance: number;
  readonly n: number;
}

/** There are not enough captions of other things to choose from. */
export class TooFewCaptionsError extends Error {
  override readonly name: string = "TooFewCaptionsError";
}

const DEFAULTS = { captions: 8, logSnrs: [-3, -1], noises: 2, seed: 0, shuffled: false } as const;

/**
 * Whether a model knows which of some captions a real picture has: the one under which it takes the noise away with the least error
 * (diffusion classifiers: arXiv 2303.16203 and 2303.15233). Needs no second network, and no picture is drawn. Throws a
 * {@link TooFewCaptionsError} where there are not as many captions of other things.
 * @param others what wrong captions are taken from
 */
export async function measureChoice(
  pipe: PixArtAlphaPipeline,
  pictures: readonly CaptionedPicture[],
  others: readonly DescribedThing[],
  options: ChoiceOptions = {},
): Promise<ChoiceResult> {
  const { captions, logSnrs, noises, seed, shuffled } = { ...DEFAULTS, ...options };
  const questions = pictures.map((picture, i) => {
    const generator = torch.stream(seed, "choice/captions", i);
    return [picture, ...wrongAnswers(picture, others, captions - 1, generator)];
  });
  const answers = [...new Set(questions.flat().map(({ caption }) => caption))];
  using clean = await cleanLatents(
    pipe,
    pictures.map(({ image }) => image),
  );
  const text = await textOf(pipe, answers);
  using scheduler = schedulerNamed("ddim", {
    ...pipe.scheduler.toConfig(),
    clip_sample: false,
    thresholding: false,
  });
  scheduler.setTimesteps(1);
  const levels = timestepsAt(scheduler, logSnrs);
  let chosen = 0;
  try {
    for (const i of pictures.keys()) {
      // Half of all pictures further on is another picture, whose captions have nothing to do with this one.
      const asked = shuffled ? (i + Math.ceil(pictures.length / 2)) % pictures.length : i;
      const rows = questions[asked]?.map(({ caption }) => answers.indexOf(caption)) ?? [];
      const errors = torch.noGrad(() =>
        torch.tidy(() => {
          const original = clean.narrow(0, i, 1); // (1, C, h, w)
          const states = rowsOf(text, rows);
          const each = levels.flatMap((timestep, level) =>
            Array.from({ length: noises }, (_, k) => {
              const generator = torch.stream(seed, "choice/noise", level * noises + k);
              const noise = torch.randn(original.shape, { generator }).to({
                device: original.device,
                dtype: original.dtype,
              });
              const noisy = scheduler.addNoise(original, noise, [timestep]);
              return errorsOf(pipe, scheduler, { noisy, original, states, timestep });
            }),
          );
          return torch.stack(each).sum([0]).toFloat32Array(); // (K)
        }),
      );
      const least = Math.min(...errors);
      if (errors[0] === least && errors.indexOf(least, 1) === -1) chosen += 1;
      options.onProgress?.(i + 1, pictures.length);
    }
  } finally {
    disposeText(text);
  }
  return { rate: chosen / pictures.length, chance: 1 / captions, n: pictures.length };
}

/** Captions of other things, in the same style where there are styles. */
function wrongAnswers(
  own: DescribedThing,
  others: readonly DescribedThing[],
  count: number,
  generator: torch.Generator,
): DescribedThing[] {
  const thingOf = ({ thing, caption }: DescribedThing): string => thing ?? caption;
  const things = new Set([thingOf(own)]);
  const found: DescribedThing[] = [];
  for (const place of randomOrder(others.length, generator)) {
    const other = others[place];
    if (other === undefined || found.length === count) break;
    if (other.style !== own.style || things.has(thingOf(other))) continue;
    things.add(thingOf(other));
    found.push(other);
  }
  if (found.length === count) return found;
  const kind = own.style === undefined ? "" : ` in the style "${own.style}"`;
  throw new TooFewCaptionsError(
    `Expected captions of ${count + 1} things${kind} to choose from but received ${found.length + 1}`,
  );
}

/** The captions' states, a row each. */
async function textOf(
  pipe: PixArtAlphaPipeline,
  captions: readonly string[],
): Promise<EncodedText> {
  const request = pipe.checkInputs(captions, { guidanceScale: 1, cleanCaption: false });
  return (await pipe.encodePrompt(request)).positive;
}

function rowsOf(
  { hiddenStates, attentionMask }: EncodedText,
  rows: readonly number[],
): EncodedText {
  const index = torch.tensor([...rows], { dtype: "int64", device: hiddenStates.device });
  return {
    hiddenStates: hiddenStates.indexSelect(0, index),
    attentionMask: attentionMask.indexSelect(0, index),
  };
}

/** The timesteps whose log(α²/σ²) are nearest to the wanted ones. */
function timestepsAt(scheduler: Scheduler, logSnrs: readonly number[]): number[] {
  const count = Number(scheduler.toConfig().num_train_timesteps);
  const timesteps = Array.from({ length: count }, (_, t) => t);
  const alphas = torch.tidy(() =>
    scheduler.addNoise(torch.ones([count, 1]), torch.zeros([count, 1]), timesteps).toFloat32Array(),
  );
  return logSnrs.map((wanted) => {
    const distances = Array.from(alphas, (alpha) =>
      Math.abs(Math.log(alpha ** 2 / (1 - alpha ** 2)) - wanted),
    );
    return distances.indexOf(Math.min(...distances));
  });
}

interface Question {
  /** (1, C, h, w) */
  readonly noisy: Tensor;
  /** (1, C, h, w) */
  readonly original: Tensor;
  /** Of K captions. */
  readonly states: EncodedText;
  readonly timestep: number;
}

/** Mean squared errors (K) of the picture that the model finds under each caption. */
function errorsOf(
  { transformer, vaeScaleFactor }: PixArtAlphaPipeline,
  scheduler: Scheduler,
  { noisy, original, states, timestep }: Question,
): Tensor {
  const rows = states.hiddenStates.size(0);
  const input = torch.cat(Array.from({ length: rows }, () => noisy)); // (K, C, h, w)
  const output = transformer.call(input, {
    encoderHiddenStates: states.hiddenStates,
    encoderAttentionMask: states.attentionMask,
    timestep: torch.full([rows], timestep, { dtype: "float32", device: input.device }),
    addedCondKwargs: pixArtDimensions(transformer.config).usesAdditionalConditions
      ? sizeConditions(input, rows, vaeScaleFactor)
      : undefined,
  });
  const prediction = output.narrow(1, 0, input.size(1));
  const { predOriginalSample } = scheduler.step(prediction, timestep, input);
  return predOriginalSample.float().sub(original.float()).square().flatten(1).mean([1]);
}
