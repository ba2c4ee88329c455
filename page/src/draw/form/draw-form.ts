/** An adapter and how strongly it is drawn with. */
export interface AdapterChoice {
  readonly name: string;
  readonly scale: number;
}

/** What a person asks for. Where something is null or empty the model's own is taken. */
export interface DrawForm {
  readonly model: string;
  readonly prompt: string;
  readonly negative: string;
  readonly seed: number;
  /** Draws with the seed as it is; else each time with a new one. */
  readonly keepsSeed: boolean;
  readonly count: number;
  readonly steps: number | null;
  readonly guidance: number | null;
  /** `512x512` */
  readonly size: string;
  readonly scheduler: string;
  readonly adapters: readonly AdapterChoice[];
  /** How much of a start picture is drawn anew, above 0 to 1. */
  readonly strength: number;
}

export const EMPTY_FORM: DrawForm = {
  model: "",
  prompt: "",
  negative: "",
  seed: 7,
  keepsSeed: false,
  count: 4,
  steps: null,
  guidance: null,
  size: "",
  scheduler: "",
  adapters: [],
  strength: 0.6,
};

/** Seeds that are easy to read and to say. */
const SEEDS = 1_000_000;

/** A seed by chance. */
export const newSeed = (random: () => number = Math.random): number => Math.floor(random() * SEEDS);
