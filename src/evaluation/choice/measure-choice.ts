import { DatasetError, knownClasses } from "../../errors/index.ts";
import type { RgbImage } from "../../images/index.ts";
import { disposable } from "../../pipelines/checks/disposable.ts";
import type { PixArtAlphaPipeline } from "../../pipelines/index.ts";
import { disposeText } from "../../pipelines/prompts/encoded-text.ts";
import * as torch from "../../torch/index.ts";
import { randomOrder } from "../distances/random-order.ts";
import { type CaptionReading, captionStates, rowsOf } from "./caption-states.ts";
import { cleanLatents } from "./clean-latents.ts";
import { DenoisingErrors, type FixedNoise } from "./denoising-errors.ts";

/** Description of a picture. */
export interface DescribedThing {
  readonly caption: string;
  /** Captions of the same thing are never wrong answers. Default: the caption itself. */
  readonly thing?: string | undefined;
  /** Wrong answers are captions of pictures in the same style. */
  readonly style?: string | undefined;
}

/** A real picture and its description. */
export interface CaptionedPicture extends DescribedThing {
  readonly image: RgbImage;
}

/**
 * Options of {@link measureChoice}. By default the noise levels are −3 and −1, with two noises each; the seed, by default 0, also
 * selects the wrong captions.
 */
export interface ChoiceOptions extends Partial<FixedNoise> {
  /** Captions to choose from, including the right one. Default 8. */
  readonly captions?: number;
  readonly reading?: CaptionReading | undefined;
  /** Asks each picture another one's question, so that the result is chance. */
  readonly shuffled?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

/** How often the right caption was chosen. */
export interface ChoiceResult {
  readonly rate: number;
  readonly chance: number;
  readonly n: number;
}

/** Thrown when there are not enough captions of other things to choose from. */
export class TooFewCaptionsError extends DatasetError {
  override readonly name: string = "TooFewCaptionsError";
}

knownClasses(TooFewCaptionsError);

const DEFAULTS = { captions: 8, logSnrs: [-3, -1], noises: 2, seed: 0, shuffled: false } as const;

/**
 * Whether a model recognizes the caption of a real picture among several: the one under which it removes noise with the least
 * error (diffusion classifiers: arXiv 2303.16203 and 2303.15233). Needs no second network and draws no picture. Throws a
 * {@link TooFewCaptionsError} if there are too few captions of other things.
 * @param others source of the wrong captions
 */
export async function measureChoice(
  pipe: PixArtAlphaPipeline,
  pictures: readonly CaptionedPicture[],
  others: readonly DescribedThing[],
  options: ChoiceOptions = {},
): Promise<ChoiceResult> {
  const right = await chooseCaptions(pipe, pictures, others, options);
  const { captions } = { ...DEFAULTS, ...options };
  const count = right.filter((one) => one).length;
  return { rate: count / right.length, chance: 1 / captions, n: right.length };
}

/** The same per picture: whether its own caption was chosen. */
export async function chooseCaptions(
  pipe: PixArtAlphaPipeline,
  pictures: readonly CaptionedPicture[],
  others: readonly DescribedThing[],
  options: ChoiceOptions = {},
): Promise<boolean[]> {
  const { captions, shuffled, reading, onProgress, ...noise } = { ...DEFAULTS, ...options };
  const questions = pictures.map((picture, i) => {
    const generator = torch.stream(noise.seed, "choice/captions", i);
    return [picture, ...wrongAnswers(picture, others, captions - 1, generator)];
  });
  const answers = [...new Set(questions.flat().map(({ caption }) => caption))];
  using clean = await cleanLatents(
    pipe,
    pictures.map(({ image }) => image),
  );
  using text = disposable(await captionStates(pipe, answers, reading), disposeText);
  using denoising = new DenoisingErrors(pipe, noise);
  return pictures.map((_, i) => {
    // The picture half the list further on, whose captions are unrelated to this one.
    const asked = shuffled ? (i + Math.ceil(pictures.length / 2)) % pictures.length : i;
    const rows = questions[asked]?.map(({ caption }) => answers.indexOf(caption)) ?? [];
    const errors = torch.tidy(() =>
      denoising
        .of(clean.narrow(0, i, 1), rowsOf(text.value, rows))
        .sum([0])
        .toFloat32Array(),
    );
    onProgress?.(i + 1, pictures.length);
    const least = Math.min(...errors);
    return errors[0] === least && errors.indexOf(least, 1) === -1;
  });
}

/** Captions of other things, in the same style if there are styles. */
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
