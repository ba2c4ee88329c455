import type { TextToImageStageConfig } from "../options/stage-config.ts";
import type { TrainConfig } from "../options/train-config.ts";

/** What to fine-tune a folder of pictures for. */
export const GOALS = ["style", "subject", "full"] as const;
export type Goal = (typeof GOALS)[number];

/** A goal, described for the user. */
export interface GoalText {
  readonly goal: Goal;
  readonly title: string;
  readonly text: string;
}

export const GOAL_TEXTS: readonly GoalText[] = [
  {
    goal: "style",
    title: "A style",
    text: "Learns the look of these pictures and applies it to anything the base knows. 20 pictures or more, best with captions of what they show; trains a small adapter (LoRA).",
  },
  {
    goal: "subject",
    title: "One thing or person",
    text: "Learns a word for what these pictures show, and draws it in other scenes. 4 to 30 pictures, no captions needed (DreamBooth); trains a small adapter (LoRA).",
  },
  {
    goal: "full",
    title: "Many things",
    text: "All weights learn from these pictures and their captions: for hundreds of pictures or more; twenty are enough for the small models that come with the package. Takes the most memory, disk and time.",
  },
];

/** The input from which a config is made. */
export interface GoalRequest {
  readonly goal: Goal;
  /** A pipeline: a folder or its name on the Hub. */
  readonly base: string;
  readonly folder: string;
  /** Side in pixels that the base was trained for. */
  readonly resolution: number;
  /** Steps and guidance that the base draws with. */
  readonly sampling: { readonly numInferenceSteps: number; readonly guidanceScale: number };
  readonly steps: number;
  /** The word that stands for the style or the subject. */
  readonly word: string;
  /** Number of pictures in the folder, and whether they have captions. */
  readonly pictures: number;
  readonly hasCaptions: boolean;
  /** Some of the captions. */
  readonly captions: readonly string[];
  /** Pictures of each split that a validation measures, if not the default number; 0 neither validates nor holds pictures out. */
  readonly validationSamples?: number | undefined;
}

/** Models for larger sides have hundreds of millions of weights: they train with gradient checkpointing, in bfloat16 if that is fast. */
const SMALL_SIDE = 256;
/** Below this number of pictures, each is worth more in training than for validation. */
const FEWEST_TO_HOLD_OUT = 40;
const HELD_OUT_SHARE = 0.05;
const MOST_PROMPTS = 4;
/** How often a run validates, saves and draws samples. */
const TIMES = 5;

/** A fine-tuning config to start from: anything not requested keeps its default. */
export function goalConfig(request: GoalRequest): TrainConfig {
  const { goal, base, folder, pictures, validationSamples } = request;
  const holdsOut = goal !== "subject" && pictures >= FEWEST_TO_HOLD_OUT && validationSamples !== 0;
  const instancePrompt = promptOfAll(request);
  return {
    base,
    dataset: {
      folder,
      ...(instancePrompt !== undefined && { instancePrompt }),
      captionDropout: goal === "subject" ? 0 : 0.1,
      denseCaptionProbability: 0,
      ...(holdsOut && { heldoutShare: HELD_OUT_SHARE }),
    },
    stages: [stageOf(request)],
    sampling: {
      prompts: promptsOf(request, instancePrompt),
      steps: request.sampling.numInferenceSteps,
      guidanceScale: Math.max(1, request.sampling.guidanceScale), // 1 is none in a config
    },
  };
}

/** One caption for all pictures; undefined if each has its own. */
function promptOfAll({ goal, word, hasCaptions }: GoalRequest): string | undefined {
  if (goal === "subject") return `a photo of ${word}`;
  return hasCaptions ? undefined : `a picture in ${word} style`;
}

function stageOf({
  goal,
  resolution,
  steps,
  pictures,
  validationSamples,
}: GoalRequest): TextToImageStageConfig {
  const isSmall = resolution < SMALL_SIDE;
  const batchSize = Math.max(1, Math.min(isSmall ? 16 : 1, pictures));
  const every = Math.max(1, Math.ceil(steps / TIMES));
  return {
    kind: "text-to-image",
    name: goal,
    resolution,
    batchSize,
    steps,
    optimizer: {
      lr: goal === "full" ? (isSmall ? 5e-4 : 1e-5) : isSmall ? 1e-3 : 1e-4,
      weightDecay: 1e-2,
    },
    schedule: { type: "cosine", warmupSteps: Math.min(20, Math.floor(steps / 10)) },
    ...(goal !== "full" && { adapter: { type: "lora", r: 16, alpha: 16 } }),
    gradientCheckpointing: !isSmall,
    precision: isSmall ? "float32" : "auto",
    // An average over few steps would contain almost nothing of them.
    ema: goal === "full" && steps >= 500 ? { decay: 0.99 } : null,
    transform: { crop: "random", horizontalFlip: goal === "subject" ? 0 : 0.5 },
    checkpointEvery: every,
    sampleEvery: every,
    validateEvery: every,
    ...(validationSamples !== undefined && { validationSamples }),
    keepCheckpoints: 2,
  };
}

function promptsOf(
  { goal, word, captions }: GoalRequest,
  instancePrompt: string | undefined,
): readonly string[] {
  if (goal === "subject")
    return [`a photo of ${word}`, `${word} in the snow`, `a drawing of ${word}`];
  if (instancePrompt !== undefined)
    return ["a red apple", "a house", "a cat"].map((thing) => `${thing}, in ${word} style`);
  return [...new Set(captions)].slice(0, MOST_PROMPTS);
}
